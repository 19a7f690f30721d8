"""Policies: what a file may say, and whether those who signed are enough."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titian.core import checkpoint as c
from titian.core import trust as t
from titian.core.checkpoint import Checkpoint
from titian.core.errors import InvalidInput, Refused, TitianError, TooLarge
from titian.core.notes import SMALL_ORDER, SignatureType, SignerKey, VerifierKey, to_base64
from titian.core.trust import Group, Log, Policy, Verdict, Witness

TIME = 1_767_225_600
LOG = SignerKey("log.example/one", SignatureType.ED25519, b"\xa1" * 32)
LOG_TWO = SignerKey("log.example/two", SignatureType.ED25519, b"\xa2" * 32)
WITNESSES = {
    name: SignerKey(f"{name.lower()}.example", SignatureType.COSIGNATURE, bytes([at]) * 32)
    for at, name in enumerate(("X1", "X2", "X3", "Y1", "Y2", "Y3"), 1)
}
KEY = {name: each.key for name, each in WITNESSES.items()}

# The example of C2SP tlog-policy, with keys where it has none.
EXAMPLE = (
    "log {log}\n\n"
    "witness X1 {X1}\nwitness X2 {X2}\nwitness X3 {X3}\ngroup X-witnesses 2 X1 X2 X3\n\n"
    "witness Y1 {Y1}\nwitness Y2 {Y2}\nwitness Y3 {Y3}\ngroup Y-witnesses any Y1 Y2 Y3\n\n"
    "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
).format(log=LOG.key, **KEY)


def parse(text: str) -> Policy:
    return Policy.parse(text.encode())


def judge(policy: Policy, *names: str) -> Verdict:
    return policy.judge(LOG.name, [LOG.key, *(KEY[name] for name in names)])


# The specification's own example


def test_the_example_of_the_specification_is_read() -> None:
    policy = parse(EXAMPLE)
    assert policy.logs == (Log(LOG.key),)
    assert [each.name for each in policy.witnesses] == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert policy.groups == (
        Group("X-witnesses", 2, ("X1", "X2", "X3")),
        Group("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    )
    assert policy.quorum == "X-and-Y"
    assert policy.keys == (LOG.key, *KEY.values())
    assert Policy.parse(policy.encode()) == policy


@pytest.mark.parametrize(
    ("signed", "missing"),
    [
        ("", "X1 X2 X3 Y1 Y2 Y3"),
        ("X1", "X2 X3 Y1 Y2 Y3"),
        ("X1 X3", "Y1 Y2 Y3"),
        ("X1 X2 X3", "Y1 Y2 Y3"),
        ("Y1 Y2 Y3", "X1 X2 X3"),
        ("X2 Y3", "X1 X3"),
        ("X2 X3 Y1", ""),
        ("X1 X2 X3 Y1 Y2 Y3", ""),
    ],
)
def test_the_example_needs_two_of_one_and_one_of_the_other(signed: str, missing: str) -> None:
    verdict = judge(parse(EXAMPLE), *signed.split())
    assert verdict.signed == tuple(signed.split())
    assert verdict.missing == tuple(missing.split())
    assert verdict.reached is verdict.valid is (not missing)
    assert all(name in verdict.reason for name in missing.split())


# Verdicts


def test_a_log_that_is_not_listed_is_not_accepted() -> None:
    policy = parse(f"log {LOG.key}\nquorum none\n")
    assert policy.judge(LOG.name, [LOG.key]) == Verdict(Log(LOG.key), True, (), ())
    for origin, key in ((LOG_TWO.name, LOG_TWO.key), (LOG_TWO.name, LOG.key), (LOG.name, LOG_TWO.key)):
        verdict = policy.judge(origin, [key])
        assert verdict.log is None
        assert not verdict.valid
        assert "No log" in verdict.reason


def test_each_listed_log_is_accepted() -> None:
    policy = parse(f"log {LOG.key}\nlog {LOG_TWO.key} https://log.example/\nquorum none\n")
    assert policy.judge(LOG_TWO.name, [LOG_TWO.key]).log == Log(LOG_TWO.key, "https://log.example/")
    assert policy.judge(LOG.name, [LOG.key]).valid


def test_a_policy_without_logs_accepts_none_until_one_is_added() -> None:
    policy = parse("quorum none\n")
    assert not policy.judge(LOG.name, [LOG.key]).valid
    assert policy.with_log(LOG.key).judge(LOG.name, [LOG.key]).valid
    with pytest.raises(InvalidInput, match="same public key"):
        policy.with_log(LOG.key).with_log(LOG.key)


def test_a_witness_can_be_the_quorum() -> None:
    policy = parse(f"log {LOG.key}\nwitness X1 {KEY['X1']}\nwitness X2 {KEY['X2']}\nquorum X1\n")
    assert judge(policy, "X1").valid
    assert judge(policy, "X2") == Verdict(Log(LOG.key), False, ("X2",), ("X1",))


def test_keys_that_the_policy_does_not_name_do_not_count() -> None:
    policy = parse(f"log {LOG.key}\nwitness X1 {KEY['X1']}\nquorum X1\n")
    same_name = SignerKey(KEY["X1"].name, SignatureType.COSIGNATURE, b"\xff" * 32)
    verdict = policy.judge(LOG.name, [LOG.key, same_name.key, KEY["X2"]])
    assert (verdict.signed, verdict.missing) == ((), ("X1",))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy with the six witnesses: groups of groups, each name in one of them at most."""
    free, groups = list(KEY), []
    for at in range(draw(st.integers(0, 5))):
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
        free = [name for name in free if name not in members] + [f"g{at}"]
        groups.append(Group(f"g{at}", draw(st.integers(1, len(members))), tuple(members)))
    quorum = draw(st.sampled_from([t.NO_QUORUM, *KEY, *(each.name for each in groups)]))
    return Policy(quorum, (Log(LOG.key),), tuple(Witness(name, KEY[name]) for name in KEY), tuple(groups))


def witnessed(policy: Policy, name: str, signed: set[str]) -> bool:
    """The text of the specification, read downwards."""
    if name == t.NO_QUORUM:
        return True
    group = next((each for each in policy.groups if each.name == name), None)
    if group is None:
        return name in signed
    return sum(witnessed(policy, member, signed) for member in group.members) >= group.threshold


@settings(max_examples=300)
@given(policies(), st.sets(st.sampled_from(list(KEY))))
def test_a_verdict_says_what_the_specification_says(policy: Policy, signed: set[str]) -> None:
    verdict = judge(policy, *signed)
    assert verdict.reached == witnessed(policy, policy.quorum, signed)
    assert set(verdict.signed) == signed
    assert not signed & set(verdict.missing)
    assert bool(verdict.missing) != verdict.reached
    # With all who are missing it is reached; and it is not by anybody else.
    assert judge(policy, *signed, *verdict.missing).reached
    if not verdict.reached:
        assert not judge(policy, *(set(KEY) - set(verdict.missing))).reached


@given(policies(), st.sets(st.sampled_from(list(KEY))), st.sampled_from(list(KEY)))
def test_one_more_witness_never_hurts(policy: Policy, signed: set[str], more: str) -> None:
    assert judge(policy, *signed).reached <= judge(policy, *signed, more).reached


@given(policies())
def test_a_policy_is_read_as_it_is_written(policy: Policy) -> None:
    assert Policy.parse(policy.encode()) == policy


# From bytes to verdict


def note(*witnesses: str, signer: SignerKey = LOG) -> bytes:
    signed = c.sign_checkpoint(Checkpoint(signer.name, 7, hashlib.sha256(b"x").digest()), signer)
    return signed.signed(*(c.cosign(signed, WITNESSES[name], TIME) for name in witnesses)).encode()


def test_a_checkpoint_is_opened_by_a_policy() -> None:
    policy = parse(EXAMPLE)
    opened, verdict = t.open_by(policy, note("X1", "X2", "Y3"))
    assert verdict.valid
    assert opened.checkpoint.size == 7
    assert opened.time(KEY["Y3"]) == TIME
    opened, verdict = t.open_by(policy, note("X1", "Y3"))
    assert (verdict.reached, verdict.missing) == (False, ("X2", "X3"))
    _, verdict = t.open_by(policy, note("X1", "X2", "Y3", signer=LOG_TWO))
    assert (verdict.log, verdict.reached, verdict.valid) == (None, True, False)
    with pytest.raises(Refused):
        t.open_by(policy, note(signer=LOG_TWO))
    with pytest.raises(Refused):
        t.open_by(policy, note("X1", "X2", "Y3").replace(b"\n7\n", b"\n8\n"))


# The form of the file


def test_space_comments_and_order_mean_nothing() -> None:
    text = f"""\t# a comment, with \u00e9

   witness\tX1  {KEY["X1"]} \t
#quorum none
quorum X1
  log   {LOG.key}   https://log.example/a#b
witness X2 {KEY["X2"]} https://witness.example/
"""
    policy = parse(text)
    assert policy.quorum == "X1"
    assert policy.logs == (Log(LOG.key, "https://log.example/a#b"),)
    assert policy.witnesses == (Witness("X1", KEY["X1"]), Witness("X2", KEY["X2"], "https://witness.example/"))


def test_names_are_octets() -> None:
    # K and the Kelvin sign differ, a no-break space separates nothing, and what is not UTF-8 is a name too.
    names = [b"K", b"\xe2\x84\xaa", b"a\xc2\xa0b", b"\xff\xfe", "e\u0301".encode(), "é".encode()]
    lines = [b"witness %s %s\n" % (name, str(key).encode()) for name, key in zip(names, KEY.values(), strict=True)]
    data = b"".join([*lines, b"group g 6 ", b" ".join(names), b"\nquorum g\n"])
    policy = Policy.parse(data)
    assert policy.encode() == data
    assert Policy.parse(data.replace(b"quorum g", b"quorum \xff\xfe")).quorum == "\udcff\udcfe"


WITNESS = f"witness X1 {KEY['X1']}\nwitness X2 {KEY['X2']}\n"
WEAK = sorted(SMALL_ORDER)[0]
WEAK_KEY = b"\x04" + WEAK
WEAK_ID = hashlib.sha256(b"weak.example\n" + WEAK_KEY).hexdigest()[:8]
MALFORMED = {
    "empty": "",
    "no quorum": f"log {LOG.key}\n",
    "no last newline": "quorum none",
    "two quorums": "quorum none\nquorum none\n",
    "quorum without a name": "quorum\n",
    "quorum of two names": WITNESS + "quorum X1 X2\n",
    "quorum that is not defined": "quorum X1\n",
    "quorum that is defined later": "quorum X1\n" + WITNESS,
    "unknown word": "mirror X1\nquorum none\n",
    "capitals": "QUORUM none\n",
    "carriage return": "quorum none\r\n",
    "NUL": "quorum none\n#\x00\n",
    "delete": "quorum none\n#\x7f\n",
    "form feed": "quorum\x0cnone\n",
    "no-break space": "quorum\u00a0none\n",
    "log without key": "log\nquorum none\n",
    "log with three words": f"log {LOG.key} a b\nquorum none\n",
    "log with a name first": f"log L {LOG.key}\nquorum none\n",
    "log twice": f"log {LOG.key}\nlog {LOG.key}\nquorum none\n",
    "log under two names": f"log {LOG.key}\nlog {VerifierKey('a', LOG.type, LOG.key.public_key)}\nquorum none\n",
    "log with two types": f"log {LOG.key}\nlog {VerifierKey('a', SignatureType(4), LOG.key.public_key)}\nquorum none\n",
    "bad key": f"log {str(LOG.key).replace('one', 'two')}\nquorum none\n",
    "hexadecimal key": f"log {LOG.key.public_key.hex()}\nquorum none\n",
    "witness without key": "witness X1\nquorum none\n",
    "witness with a log's key": f"witness X1 {LOG.key}\nquorum none\n",
    "witness with a weak key": f"witness X1 weak.example+{WEAK_ID}+{to_base64(WEAK_KEY)}\nquorum none\n",
    "witness twice": WITNESS + f"witness X3 {KEY['X1']}\nquorum none\n",
    "name twice": WITNESS + f"witness X1 {KEY['X3']}\nquorum none\n",
    "name of a group": WITNESS + f"group g any X1\nwitness g {KEY['X3']}\nquorum none\n",
    "witness called none": f"witness none {KEY['X1']}\nquorum none\n",
    "group called none": WITNESS + "group none any X1\nquorum none\n",
    "group of a comment": WITNESS + "group #g any X1\nquorum none\n",
    "group without members": WITNESS + "group g all\nquorum none\n",
    "group of none": WITNESS + "group g any none\nquorum none\n",
    "group of itself": WITNESS + "group g any g\nquorum none\n",
    "group of what is not defined": WITNESS + "group g any X3\nquorum none\n",
    "group of what is defined later": "group g any X1\n" + WITNESS + "quorum none\n",
    "member twice": WITNESS + "group g 2 X1 X1\nquorum none\n",
    "member of two groups": WITNESS + "group g any X1\ngroup h any X1 X2\nquorum none\n",
    "threshold of 0": WITNESS + "group g 0 X1 X2\nquorum none\n",
    "threshold of 3 in 2": WITNESS + "group g 3 X1 X2\nquorum none\n",
    "threshold with a zero": WITNESS + "group g 01 X1 X2\nquorum none\n",
    "negative threshold": WITNESS + "group g -1 X1 X2\nquorum none\n",
    "threshold with a sign": WITNESS + "group g +1 X1 X2\nquorum none\n",
    "threshold in another script": WITNESS + "group g \u0661 X1 X2\nquorum none\n",
    "huge threshold": WITNESS + f"group g {'9' * 5000} X1 X2\nquorum none\n",
    "most of them": WITNESS + "group g most X1 X2\nquorum none\n",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_policy_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text)


def test_an_error_names_its_line() -> None:
    with pytest.raises(InvalidInput, match=r"Line 4 of the policy: 'X3' is not defined"):
        parse(f"# first\n{WITNESS}group g any X3\nquorum none\n")


def test_a_weak_key_is_refused_for_what_it_is() -> None:
    with pytest.raises(InvalidInput, match=r"Line 1 of the policy: .*small order"):
        parse(MALFORMED["witness with a weak key"])


def test_a_policy_that_was_cut_off_is_never_another_policy() -> None:
    whole = EXAMPLE.replace("quorum X-and-Y\n", "") + "group X-and-Y-and-more any X-and-Y\nquorum X-and-Y-and-more\n"
    for end in range(len(whole)):
        with pytest.raises(InvalidInput):
            parse(whole[:end])


def test_limits() -> None:
    with pytest.raises(TooLarge):
        Policy.parse(b"#" * (t.LARGEST_POLICY + 1))
    keys = [SignerKey("w.example", SignatureType.COSIGNATURE, bytes([at, 7]) * 16).key for at in range(40)]
    names = " ".join(f"w{at}" for at in range(40))
    lines = [f"witness w{at} {key}\n" for at, key in enumerate(keys)]
    policy = parse("".join(lines) + f"group g 27 {names}\nquorum g\n")
    assert len(policy.judge("", keys[:26]).missing) == 14
    assert policy.judge("", keys[:27]).reached
    deep = "".join(f"group g{at + 1} any g{at}\n" for at in range(t.MOST_ENTRIES))
    text = f"witness g0 {KEY['X1']}\n{deep}quorum g{t.MOST_ENTRIES}\n"
    assert judge(parse(text)).missing == ("g0",)
    with pytest.raises(InvalidInput, match="256 groups at most"):
        parse(text + f"group more any g{t.MOST_ENTRIES}\n")


@pytest.mark.parametrize(
    "wrong",
    [
        {"quorum": "X9"},
        {"logs": (Log(LOG.key, "a b"),)},
        {"logs": (Log(LOG.key, "a\nquorum none"),)},
        {"witnesses": (Witness("a b", KEY["X1"]),)},
        {"witnesses": (Witness("", KEY["X1"]),)},
        {"witnesses": (Witness("a\ud800", KEY["X1"]),)},
        {"witnesses": (Witness("X1", KEY["X1"], "a\tb"),)},
    ],
    ids=repr,
)
def test_a_policy_that_cannot_be_written_is_none(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Policy(**({"quorum": "none"} | wrong))  # type: ignore[arg-type]


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*MALFORMED.values(), *EXAMPLE.splitlines(True), "quorum none\n"])) | st.text())
def test_hostile_policies_are_refused_or_keep_their_meaning(text: list[str] | str) -> None:
    try:
        policy = parse("".join(text))
    except TitianError:
        return
    except UnicodeEncodeError:
        assert isinstance(text, str)  # not a file
        return
    assert Policy.parse(policy.encode()) == policy
    assert msgspec.structs.replace(policy) == policy
