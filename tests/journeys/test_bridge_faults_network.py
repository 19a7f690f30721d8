"""What networks and hostile partners do to a pull (laws 4, 7, 8 and 11), with a served node and a TCP proxy before it.

Each fault ends in a clear error or in the quarantine. After it, the next pull brings what is missing, and nothing else.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from support.faulty import (
    AGREEMENT,
    ANALYST,
    DAY,
    LIMITS,
    MINUTE,
    PAGE,
    RECEIVER,
    Pair,
    Receiver,
    Sender,
    gentle,
    malware,
    party,
    release_more,
    released,
)
from support.proxy import PASS, Fault, Proxy, truncated
from support.stix import text
from titian.core.errors import TitianError
from titian.core.tlp import Tlp
from titian.exchange.agree import By
from titian.wire.outbound_limits import Limits

OBJECTS = "/objects/"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The sender that all tests here share; each has a receiver of its own."""
    return Pair.at(tmp_path_factory.mktemp("bridge"))


@pytest.fixture(scope="module")
def sender(pair: Pair) -> Iterator[Sender]:
    served = Sender(pair.sender).serve()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def closing() -> Iterator[Callable[[Proxy], object]]:
    """Closes proxies beside the tests: each takes a moment to end."""
    with ThreadPoolExecutor(4) as pool:
        closed: list[Future[None]] = []
        yield lambda proxy: closed.append(pool.submit(proxy.close))
        for each in closed:
            each.result(20)


@pytest.fixture
def proxy(sender: Sender, closing: Callable[[Proxy], object]) -> Iterator[Proxy]:
    between = Proxy(sender.port)
    yield between
    closing(between)


NewReceiver = Callable[..., Receiver]


@pytest.fixture
def new_receiver(pair: Pair, proxy: Proxy, tmp_path: Path) -> Iterator[NewReceiver]:
    """Makes a receiver that has subscribed through the proxy, and has pulled nothing yet."""
    made: list[Receiver] = []

    def make(limits: Limits = LIMITS, url: str = "", **terms: Any) -> Receiver:
        own = pair.with_receiver(tmp_path / str(len(made)))
        made.append(Receiver(own.receiver, own, connect=partial(gentle, limits=limits)))
        return made[-1].subscribe(url or proxy.url, **terms)

    yield make
    for each in made:
        each.close()


def quick(**more: float) -> Limits:
    """Limits under which a fault that takes time is over soon."""
    return Limits(**{**{"attempts": 1, "body_bytes": 1 << 20, "retry_after_seconds": 0.1}, **more})  # type: ignore[arg-type]


# The partner disappears, is silent, slow, endless, or says something else

SMALL = quick(read_seconds=0.3, request_seconds=0.8)
WITHIN = (0, 1, 700, 4000, 9000)
STANDING = {
    "gone-before-the-answer": (Fault(cut=-1), LIMITS, "does not answer"),
    **{f"cut-at-{at}": (Fault(cut=at), LIMITS, "does not answer") for at in WITHIN},
    **{f"reset-at-{at}": (Fault(cut=at, reset=True), LIMITS, "does not answer") for at in WITHIN},
    "whole-by-http-cut-inside": (truncated(4000), LIMITS, "sends no TAXII page"),
    "whole-by-http-and-empty": (truncated(0), LIMITS, "sends no TAXII page"),
    "not-json": (Fault(body=lambda _: b"<html>gone</html>"), LIMITS, "sends no TAXII page"),
    "page-before-again": (Fault(replay=True), LIMITS, "same page again"),
    "late": (Fault(delay=1.0), SMALL, "does not answer"),
    "drips": (Fault(drip=(200, 0.1)), SMALL, "not complete after 0.8 seconds"),
    "drips-bytes": (Fault(drip=(1, 0.05)), SMALL, "not complete after 0.8 seconds"),
    "black-hole": (Fault(black_hole=True), SMALL, "does not answer"),
    "endless": (Fault(endless=True), LIMITS, "larger than"),
    "500": (Fault(status=500), LIMITS, "500"),
    "503": (Fault(status=503), LIMITS, "503"),
    "429": (Fault(status=429), LIMITS, "429"),
    "401": (Fault(status=401), LIMITS, "401"),
    "204": (Fault(status=204), LIMITS, ""),
}


@pytest.mark.parametrize(("fault", "limits", "said"), STANDING.values(), ids=STANDING)
def test_a_fault_that_lasts_is_an_error_and_what_is_missing_comes_after_it(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, fault: Fault, limits: Limits, said: str
) -> None:
    receiver = new_receiver(limits)
    proxy.plan(PASS, match=OBJECTS)
    proxy.always(fault, match=OBJECTS)
    began = time.monotonic()
    ran = receiver.run()
    assert time.monotonic() - began < 10
    assert ran.error is not None
    assert said in ran.error
    assert pair.key not in ran.error
    assert proxy.faults
    whole = released(pair.sender, pair.collection)
    assert receiver.held() == whole[:PAGE]
    assert (receiver.progress.error, receiver.progress.failures) == (ran.error, 1)
    receiver.adds_up()

    proxy.heal()
    again = receiver.run()
    assert (again.error, again.findings) == (None, [])
    assert again.arrived.accepted == len(whole) - PAGE
    assert receiver.held() == whole
    assert (receiver.progress.error, receiver.progress.failures, receiver.progress.gaps) == (None, 0, ())
    receiver.adds_up()
    assert receiver.quarantine() == []


@pytest.mark.parametrize("page", [0, 1, 2])
@pytest.mark.parametrize(
    "fault",
    [Fault(cut=-1), Fault(cut=0), Fault(cut=4000, reset=True), Fault(status=503), Fault(replay=True)],
    ids=["gone", "cut", "reset", "503", "replay"],
)
def test_a_fault_that_passes_loses_and_doubles_nothing(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, fault: Fault, page: int
) -> None:
    receiver = new_receiver()
    proxy.plan(*[PASS] * page, fault, match=OBJECTS)
    first = receiver.run()
    receiver.adds_up()
    if first.error is not None:
        assert receiver.run().error is None
    assert receiver.held() == released(pair.sender, pair.collection)
    assert receiver.progress.gaps == ()
    receiver.adds_up()


BREAKS = {"cut": Fault(cut=0, reset=True), "500": Fault(status=500), "404": Fault(status=404), "half": truncated(7)}
PLACES = ("/taxii2/ ", "/collections/ ", OBJECTS, "/ledger/ ", "/checkpoint", "/opened", "/tile/")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS)
def test_wherever_it_breaks_somebody_is_told_and_the_next_pull_is_whole(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, place: str, fault: Fault
) -> None:
    receiver = new_receiver()
    assert receiver.run().error is None
    verified = receiver.progress.verified
    release_more(pair.sender, 1)
    proxy.always(fault, match=place)
    ran = receiver.run()
    assert proxy.faults
    assert ran.error is not None, "nobody is told"
    assert receiver.progress.failures == 1
    receiver.adds_up()
    proxy.heal()
    ran = receiver.run()
    assert (ran.error, ran.findings) == (None, [])
    assert receiver.held() == released(pair.sender, pair.collection)
    assert receiver.progress.verified > verified
    assert receiver.evidence() == []
    receiver.adds_up()


def test_a_page_that_is_repeated_at_the_next_pull_brings_nothing_new(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    receiver = new_receiver()
    assert receiver.run().error is None
    before, counted = receiver.held(), receiver.progress
    proxy.plan(Fault(replay=True), match=OBJECTS)
    ran = receiver.run()
    assert ran.arrived.accepted == 0
    assert ran.arrived.known == ran.arrived.read > 0
    assert receiver.held() == before == released(pair.sender, pair.collection)
    assert receiver.progress.accepted == counted.accepted
    receiver.adds_up()


# Other places: redirects and certificates


@pytest.mark.parametrize("place", ["/taxii2/ ", "/collections/ ", OBJECTS, "/ledger/ ", "/checkpoint"])
def test_a_redirect_is_never_followed(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, sender: Sender, place: str
) -> None:
    receiver = new_receiver()
    with Proxy(sender.port) as elsewhere:
        proxy.always(Fault(redirect=f"{elsewhere.url}/taxii2/"), match=place)
        ran = receiver.run()
        assert ran.error is not None
        assert "redirects are not followed" in ran.error
        assert elsewhere.requests == []
    proxy.heal()
    assert receiver.run().error is None
    assert receiver.held() == released(pair.sender, pair.collection)


class Impostor:
    """A TLS server with a certificate of ours; keeps whatever it is told once a handshake is done."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self.heard = b""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            plain.settimeout(5)
            with plain, suppress(OSError), self._context.wrap_socket(plain, server_side=True) as tls:
                self.heard += tls.recv(65_536)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def self_signed(_: trustme.CA) -> trustme.LeafCert:
    return trustme.CA().issue_cert("localhost")


CERTIFICATES: dict[str, Callable[[trustme.CA], trustme.LeafCert]] = {
    "of-an-unknown-authority": self_signed,
    "for-another-name": lambda ca: ca.issue_cert("other.example"),
    "for-an-address-only": lambda ca: ca.issue_cert("127.0.0.1"),
    "expired": lambda ca: ca.issue_cert("localhost", not_after=datetime(2024, 1, 1, tzinfo=UTC)),
}


@pytest.fixture(scope="module")
def secured(pair: Pair, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    """The same sender over TLS."""
    folder = tmp_path_factory.mktemp("tls")
    own = pair.copy(folder)
    leaf = authority.issue_cert("localhost")
    leaf.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    served = Sender(own.sender).serve("--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"))
    yield served
    served.stop()


@pytest.mark.parametrize("certificate", CERTIFICATES.values(), ids=CERTIFICATES)
def test_the_key_is_never_told_to_who_has_a_wrong_certificate(
    new_receiver: NewReceiver,
    pair: Pair,
    secured: Sender,
    authority: trustme.CA,
    certificate: Callable[[trustme.CA], trustme.LeafCert],
) -> None:
    honest = f"https://localhost:{secured.port}/"
    receiver = new_receiver(url=honest, ca_file=str(secured.home.parent / "ca.pem"))
    impostor = Impostor(certificate(authority))
    try:
        move(receiver, f"https://localhost:{impostor.port}/")
        ran = receiver.run()
    finally:
        impostor.close()
    assert ran.error is not None
    assert "the certificate of localhost is not accepted" in ran.error
    assert impostor.heard == b""
    assert receiver.held() == []
    move(receiver, honest)
    assert receiver.run().error is None
    assert receiver.held() == released(secured.home, pair.collection)


def move(receiver: Receiver, url: str) -> None:
    """Have the subscription find its partner elsewhere, as if a name had another address now."""
    found = receiver.node.subscribe.find(receiver.subscription)
    with receiver.node.store.writing() as tx:
        terms = msgspec.msgpack.encode(msgspec.structs.replace(found.terms, url=url))
        tx.run("UPDATE subscriptions SET terms = ? WHERE id = ?", terms, found.id)


@pytest.mark.parametrize(
    "fault", [Fault(cut=-1), Fault(cut=100), Fault(cut=3000, reset=True)], ids=["0", "100", "3000"]
)
def test_a_connection_over_tls_that_is_cut_is_an_error_and_no_page(
    new_receiver: NewReceiver, pair: Pair, secured: Sender, fault: Fault
) -> None:
    with Proxy(secured.port, http=False) as bytes_only:
        receiver = new_receiver(
            url=f"https://localhost:{bytes_only.port}/", ca_file=str(secured.home.parent / "ca.pem")
        )
        bytes_only.always(fault)
        ran = receiver.run()
        assert ran.error is not None
        assert receiver.held() == []
        bytes_only.heal()
        assert receiver.run().error is None
        assert receiver.held() == released(secured.home, pair.collection)
        receiver.adds_up()


# What the agreement does not cover


def adding(*raws: bytes) -> Fault:
    """The page with more objects at its end."""

    def changed(body: bytes) -> bytes:
        start, mark, end = body.rpartition(b"]")
        assert mark
        return start + b"," + b",".join(raws) + mark + end

    return Fault(body=changed)


STRANGE = "marking-definition--b3fe3c31-1f4f-4b0e-9d4d-3d2c9a6f3f01"
UNFIT: dict[str, tuple[bytes, str]] = {
    "unmarked": (text(malware("unmarked", tlp=None)), "unmarked"),
    "tlp-red": (text(malware("red", tlp=Tlp.RED)), "outside-agreement"),
    "amber-strict": (text(malware("strict", tlp=Tlp.AMBER_STRICT)), "outside-agreement"),
    "claims-ours": (text(malware("ours", by=RECEIVER)), "claims-ours"),
    "unknown-marking": (
        text(malware("strange") | {"object_marking_refs": [STRANGE]}),
        "unknown-marking",
    ),
    "invalid-stix": (text(malware("bad") | {"is_family": "perhaps"}), "invalid"),
    "no-identifier": (b'{"type":"malware","name":"no id"}', "invalid"),
    "malformed": (b'{"type":"malware","name":nul}', "invalid"),
    "not-utf-8": (b'{"type":"malware","name":"\xff\xfe"}', "invalid"),
    "no-object": (b"[1,2,3]", "invalid"),
    "a-number": (b"17", "invalid"),
    "deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, "invalid"),
}


@pytest.mark.parametrize(("raw", "doubt"), UNFIT.values(), ids=UNFIT)
def test_what_the_agreement_does_not_cover_is_kept_apart_with_its_bytes(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, raw: bytes, doubt: str
) -> None:
    receiver = new_receiver()
    proxy.plan(PASS, adding(raw), match=OBJECTS)
    ran = receiver.run()
    whole = released(pair.sender, pair.collection)
    assert ran.error is None
    assert receiver.held() == whole
    [aside] = receiver.quarantine()
    assert aside.reason.startswith(f"{doubt}: ")
    assert aside.party == party("bnpt")
    assert receiver.node.arrive.find(str(aside.num))[1] == raw
    assert ran.arrived.read == len(whole) + 1
    assert (ran.arrived.accepted, ran.arrived.quarantined) == (len(whole), 1)
    receiver.adds_up()
    # Said again, it is not kept twice.
    proxy.plan(Fault(body=lambda _: b'{"objects":[' + raw + b"]}"), match=OBJECTS)
    assert receiver.run().error is None
    assert len(receiver.quarantine()) == 1
    assert receiver.held() == whole
    receiver.adds_up()


def test_what_nobody_recorded_sending_is_a_gap_that_is_told(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    receiver = new_receiver()
    proxy.plan(PASS, adding(text(malware("slipped in"))), match=OBJECTS)
    assert receiver.run().error is None
    receiver.offset = 5 * MINUTE
    ran = receiver.run()
    assert any(f"no record of page 2 with {PAGE + 1} objects" in what for what in ran.findings)
    assert any("no record of page 2" in gap.what for gap in receiver.progress.gaps)


def test_what_was_left_out_on_the_way_is_a_gap_that_is_told(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    receiver = new_receiver()

    def without_the_last(body: bytes) -> bytes:
        page = json.loads(body)
        page["objects"].pop()
        return text(page)

    proxy.plan(PASS, Fault(body=without_the_last), match=OBJECTS)
    assert receiver.run().error is None
    whole = released(pair.sender, pair.collection)
    assert len(receiver.held()) == len(whole) - 1
    receiver.offset = 5 * MINUTE
    told = [*receiver.progress.gaps, *receiver.run().findings]
    assert told, "an object is missing, and nobody is told"


def test_another_content_under_a_known_version_never_takes_its_place(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    receiver = new_receiver()
    whole = released(pair.sender, pair.collection)
    known = next(one for one in map(json.loads, whole) if one["type"] == "malware")
    other = text(known | {"name": "told otherwise"})
    proxy.plan(PASS, adding(other), match=OBJECTS)
    ran = receiver.run()
    assert ran.error is None
    assert receiver.held() == whole
    [aside] = receiver.quarantine()
    assert receiver.node.arrive.find(str(aside.num))[1] == other
    assert ran.arrived.reasons == {"conflict": 1}
    receiver.adds_up()
    with pytest.raises(TitianError, match="Another content is held"):
        receiver.node.arrive.accept(ANALYST, str(aside.num), "no matter")


def test_what_is_over_the_quota_waits_and_the_rest_comes_tomorrow(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    whole = released(pair.sender, pair.collection)
    quota = PAGE + 10
    receiver = new_receiver(quota=quota)
    ran = receiver.run()
    assert ran.error is not None
    assert "all that is taken in a day" in ran.error
    waiting = receiver.quarantine()
    assert receiver.held() == whole[:quota]
    assert {one.reason.partition(":")[0] for one in waiting} == {"over-quota"}
    assert [receiver.node.arrive.find(str(one.num))[1] for one in waiting] == whole[quota : 2 * PAGE]
    receiver.adds_up()
    receiver.offset = DAY
    assert receiver.run().error is None
    # A pull goes on a moment before the last object that came: that one is sent again.
    assert receiver.held() == whole[:quota] + whole[2 * PAGE - 1 :]
    for one in waiting:
        receiver.node.arrive.accept(ANALYST, str(one.num), "it was only much")
    assert sorted(receiver.held()) == sorted(whole)


def test_a_partner_that_is_not_in_the_agreement_any_more_is_kept_apart(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy
) -> None:
    receiver = new_receiver()
    proxy.plan(PASS, match=OBJECTS)
    proxy.always(Fault(status=503), match=OBJECTS)
    receiver.run()
    held = receiver.held()
    receiver.node.agreements.end(AGREEMENT, By(person="person-5", why="it is over"))
    proxy.heal()
    ran = receiver.run()
    assert receiver.held() == held
    if ran.error is None:
        assert {one.reason.partition(":")[0] for one in receiver.quarantine()} == {"outside-agreement"}
    receiver.adds_up()
