"""Whose word is enough: logs, witnesses and a quorum, in the policy file of C2SP tlog-policy.

::

    log agency-one.example/agreement-1+3b2c1d4e+AZ…

    witness two   agency-two.example+5d6e7f80+BA…   https://agency-two.example/
    witness three agency-three.example+90a1b2c3+BF…
    witness ngo   ngo.example+d4e5f607+BD…
    group   partners 2 two three ngo
    quorum  partners

A checkpoint is valid when one of the logs has signed it and the quorum has cosigned it. Names of witnesses and groups
have a meaning only in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from titian.core.checkpoint import Checkpoint, OpenCheckpoint
from titian.core.errors import InvalidInput, Refused, TooLarge
from titian.core.notes import SignatureType, SignedNote, VerifierKey, verify_note

NO_QUORUM: Final = "none"
"""The name of the quorum that asks for no witness."""
LARGEST_POLICY: Final = 256 * 1024
"""Bytes of a policy at most."""
MOST_ENTRIES: Final = 256
"""Logs, witnesses and groups at most, of each; the specification (Implementation limits) recommends 32 at least."""

_OCTETS: Final = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_BLANK: Final = re.compile(r"[ \t]+")
_THRESHOLD: Final = re.compile(r"[1-9][0-9]{0,3}")


class Log(msgspec.Struct, frozen=True):
    """A log that is accepted; its key is named as its origin. What the ``url`` means is not said by the standard."""

    key: VerifierKey
    url: str = ""


class Witness(msgspec.Struct, frozen=True):
    """A witness under the name that the policy gives it; its key has type 0x04. ``url`` is its submission prefix."""

    name: str
    key: VerifierKey
    url: str = ""


class Group(msgspec.Struct, frozen=True):
    """Has witnessed a checkpoint when at least ``threshold`` of its members, witnesses or groups, have."""

    name: str
    threshold: int
    members: tuple[str, ...]


class Verdict(msgspec.Struct, frozen=True):
    """What a policy says of one checkpoint.

    ``log`` is the log that signed it, or None. ``reached`` says whether the quorum did; ``signed`` and ``missing`` are
    the names of witnesses in the policy's order: who cosigned, and whose cosignature would bring the quorum nearer (no
    one's when it is reached; not each of them need be necessary).
    """

    log: Log | None
    reached: bool
    signed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether the checkpoint may be relied on."""
        return self.log is not None and self.reached

    @property
    def reason(self) -> str:
        """A sentence for a person."""
        if self.log is None:
            return "No log that the policy accepts has signed it."
        if not self.reached:
            return f"Too few witnesses have cosigned it. Missing: {', '.join(self.missing)}."
        return f"Signed by {self.log.key.name}, cosigned by {', '.join(self.signed) or 'nobody, as the policy allows'}."


class Policy(msgspec.Struct, frozen=True):
    """Logs, witnesses, groups in the order of their definition, and the name of what makes the quorum.

    Raises :class:`InvalidInput` for what no policy file can say: a name or key that is used twice, a member that is not
    defined before its group or is in two of them, a threshold that cannot be met. Source: tlog-policy, Policy file
    syntax and structure.
    """

    quorum: str
    logs: tuple[Log, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        for what, entries in (("logs", self.logs), ("witnesses", self.witnesses), ("groups", self.groups)):
            if len(entries) > MOST_ENTRIES:
                raise InvalidInput(f"A policy has {MOST_ENTRIES} {what} at most.")
        _check_keys("logs", [each.key for each in self.logs])
        _check_keys("witnesses", [each.key for each in self.witnesses])
        for each in self.witnesses:
            if each.key.type is not SignatureType.COSIGNATURE:
                raise InvalidInput(f"Witness {each.name} has no key for cosignatures, which has type 0x04.")
        _check_names(self)
        for url in [*(each.url for each in self.logs), *(each.url for each in self.witnesses)]:
            if url and not _is_word(url):
                raise InvalidInput("An address in a policy has no spaces and no control characters.")

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Read a policy file. Raises :class:`InvalidInput`, with the line, or :class:`TooLarge`.

        Every line ends with a newline, the last too: a file that was cut off is not read as another policy.
        """
        if len(data) > LARGEST_POLICY:
            raise TooLarge(f"This policy has {len(data):,} bytes, more than {LARGEST_POLICY:,}.")
        if not _OCTETS.fullmatch(data):
            raise InvalidInput("A policy has no control characters but tab and newline.")
        if not data.endswith(b"\n"):
            raise InvalidInput("The last line of the policy does not end.", advice="Is all of the file there?")
        draft = _Draft()
        # Octets above ASCII are opaque, and stay what they are on the way back (section Character set).
        for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
            text = line.strip(" \t")
            if text and not text.startswith("#"):
                try:
                    draft.add(_BLANK.split(text))
                except (InvalidInput, Refused) as wrong:
                    raise InvalidInput(f"Line {number} of the policy: {wrong.message}", advice=wrong.advice) from None
        return draft.done()

    def encode(self) -> bytes:
        """Write the policy file."""
        lines = [f"log {each.key} {each.url}" for each in self.logs]
        lines += [f"witness {each.name} {each.key} {each.url}" for each in self.witnesses]
        lines += [f"group {each.name} {each.threshold} {' '.join(each.members)}" for each in self.groups]
        lines.append(f"quorum {self.quorum}")
        return "".join(f"{line.rstrip()}\n" for line in lines).encode("utf-8", "surrogateescape")

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """All keys, of logs and of witnesses: what a checkpoint is opened with."""
        return (*(each.key for each in self.logs), *(each.key for each in self.witnesses))

    def with_log(self, key: VerifierKey, url: str = "") -> Policy:
        """Return the policy with one more log: for a file that leaves the logs to whoever uses it."""
        return Policy(self.quorum, (*self.logs, Log(key, url)), self.witnesses, self.groups)

    def judge(self, origin: str, signers: Iterable[VerifierKey]) -> Verdict:
        """Say whether those who signed a checkpoint of this origin are enough.

        ``signers`` are keys whose signatures were verified; others than the policy's do not count. A policy that lists
        no log accepts none: see :meth:`with_log`. Source: tlog-policy, Structure and Defining the
        quorum.
        """
        signing = frozenset(signers)
        log = next((each for each in self.logs if each.key in signing and each.key.name == origin), None)
        signed = tuple(each.name for each in self.witnesses if each.key in signing)
        # A name's missing witnesses; none are missing where it has witnessed. Members stand before their groups.
        missing: dict[str, tuple[str, ...]] = {
            each.name: () if each.key in signing else (each.name,) for each in self.witnesses
        }
        for group in self.groups:
            lacking = [missing[name] for name in group.members if missing[name]]
            reached = len(group.members) - len(lacking) >= group.threshold
            missing[group.name] = () if reached else tuple(name for each in lacking for name in each)
        lack = () if self.quorum == NO_QUORUM else missing[self.quorum]
        return Verdict(log, not lack, signed, tuple(each.name for each in self.witnesses if each.name in lack))


def open_by(policy: Policy, data: bytes) -> tuple[OpenCheckpoint, Verdict]:
    """Read a checkpoint, verify every signature on it that the policy knows, and judge it.

    A verdict that is not valid is returned, since who is missing matters to a node that collects cosignatures: look at
    :attr:`Verdict.valid`. Raises :class:`InvalidInput` or :class:`TooLarge` for what is no checkpoint, and
    :class:`Refused` when a signature does not fit or no known key signed.
    """
    note = SignedNote.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    verified = verify_note(note, policy.keys)
    verdict = policy.judge(checkpoint.origin, (each.key for each in verified))
    return OpenCheckpoint(checkpoint, note, verified), verdict


# What a policy may say


def _is_word(text: str) -> bool:
    try:
        octets = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return bool(octets) and not re.search(rb"[\x00-\x20\x7f]", octets)


def _check_keys(what: str, keys: list[VerifierKey]) -> None:
    """Two keys are the same when the public key is, whatever their names (section Public key representation)."""
    if len({each.public_key for each in keys}) != len(keys):
        raise InvalidInput(f"Two {what} have the same public key.")


def _check_names(policy: Policy) -> None:
    """Each name is defined once, and used as a member at most once, after its definition."""
    defined: set[str] = {NO_QUORUM}

    def define(name: str) -> None:
        if not _is_word(name) or name.startswith("#"):
            raise InvalidInput("A name in a policy is one word, and does not begin with '#'.")
        if name in defined:
            raise InvalidInput(f"The name {name!r} is taken.")
        defined.add(name)

    for witness in policy.witnesses:
        define(witness.name)
    free = {each.name for each in policy.witnesses}
    for group in policy.groups:
        for member in group.members:
            if member not in free:
                raise InvalidInput(f"{member!r} is not defined before group {group.name!r}, or is in a group already.")
            free.remove(member)
        if not 1 <= group.threshold <= len(group.members):
            raise InvalidInput(f"Group {group.name!r} asks for {group.threshold} of {len(group.members)} members.")
        define(group.name)
        free.add(group.name)
    if policy.quorum not in defined:
        raise InvalidInput(f"The quorum {policy.quorum!r} is not defined.")


class _Draft:
    """The policy of the lines so far. It is checked at each line, so that an error can name the line."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None

    def add(self, words: list[str]) -> None:
        match words:
            case ["log", key, *url] if len(url) <= 1:
                self.logs.append(Log(VerifierKey.parse(key), *url))
                _check_keys("logs", [each.key for each in self.logs])
            case ["witness", name, key, *url] if len(url) <= 1:
                self.witnesses.append(Witness(name, VerifierKey.parse(key), *url))
            case ["group", name, threshold, *members] if members:
                self.groups.append(Group(name, _threshold(threshold, len(members)), tuple(members)))
            case ["quorum", name] if self.quorum is None:
                self.quorum = name
            case ["quorum", _]:
                raise InvalidInput("A policy has one quorum.")
            case _:
                raise InvalidInput("This is no log, witness, group or quorum as the standard writes them.")
        self._policy()

    def _policy(self) -> Policy:
        return Policy(self.quorum or NO_QUORUM, tuple(self.logs), tuple(self.witnesses), tuple(self.groups))

    def done(self) -> Policy:
        if self.quorum is None:
            raise InvalidInput("The policy has no quorum.", advice="Write `quorum none` to ask for no witness.")
        return self._policy()


def _threshold(word: str, members: int) -> int:
    if word in {"any", "all"}:
        return 1 if word == "any" else members
    if not _THRESHOLD.fullmatch(word):
        raise InvalidInput("A group asks for all, any, or a number of its members.")
    return int(word)
