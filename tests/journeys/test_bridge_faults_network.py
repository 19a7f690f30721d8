"""What networks and hostile partners do to a pull (laws 4, 7, 8 and 11), with a served node and a TCP proxy before it.

Each fault ends in a clear error or in the quarantine. After it, the next pull brings what is missing, and nothing else.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import trustme

from support.faulty import (
    LIMITS,
    PAGE,
    Closer,
    NewReceiver,
    Pair,
    Receiver,
    Sender,
    receivers,
    release_more,
    released,
)
from support.proxy import PASS, Fault, Proxy, truncated
from titian.wire import peer_link
from titian.wire.outbound_limits import Limits
from titian.wire.peer_link import Connector

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
def closer() -> Iterator[Closer]:
    kept = Closer()
    yield kept
    kept.end()


@pytest.fixture
def proxy(sender: Sender, closer: Closer) -> Iterator[Proxy]:
    between = Proxy(sender.port)
    yield between
    closer.close(between)


@pytest.fixture
def new_receiver(pair: Pair, proxy: Proxy, tmp_path: Path) -> Iterator[NewReceiver]:
    """Makes a receiver that has subscribed through the proxy, and has pulled nothing yet."""
    with receivers(pair, proxy.url, tmp_path) as make:
        yield make


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has this process forget where collections of partners are, as one that starts anew."""
    return lambda: monkeypatch.setattr(peer_link, "connect", Connector())


def quick(**more: float) -> Limits:
    """Limits under which a fault that takes time is over soon."""
    return Limits(**{**{"attempts": 1, "body_bytes": 1 << 20, "retry_after_seconds": 0.1}, **more})  # type: ignore[arg-type]


# The partner disappears, is silent, slow, endless, or says something else

SMALL = quick(read_seconds=1.0, request_seconds=2.0)
WITHIN = (0, 700, 9000)
STANDING = {
    "gone-before-the-answer": (Fault(cut=-1), LIMITS, "does not answer"),
    **{f"cut-at-{at}": (Fault(cut=at), LIMITS, "does not answer") for at in WITHIN},
    **{f"reset-at-{at}": (Fault(cut=at, reset=True), LIMITS, "does not answer") for at in WITHIN},
    "whole-by-http-cut-inside": (truncated(4000), LIMITS, "sends no TAXII page"),
    "whole-by-http-and-empty": (truncated(0), LIMITS, "sends no TAXII page"),
    "not-json": (Fault(body=lambda _: b"<html>gone</html>"), LIMITS, "sends no TAXII page"),
    "page-before-again": (Fault(replay=True), LIMITS, "same page again"),
    "late": (Fault(delay=3.0), SMALL, "does not answer"),
    "drips": (Fault(drip=(200, 0.1)), SMALL, "not complete after 2 seconds"),
    "drips-bytes": (Fault(drip=(1, 0.05)), SMALL, "not complete after 2 seconds"),
    "black-hole": (Fault(black_hole=True), SMALL, "does not answer"),
    "endless": (Fault(endless=True), LIMITS, "larger than"),
    "500": (Fault(status=500), LIMITS, "500"),
    "503": (Fault(status=503), LIMITS, "503"),
    "429": (Fault(status=429), LIMITS, "429"),
    "401": (Fault(status=401), LIMITS, "401"),
    "204": (Fault(status=204), LIMITS, ""),
}


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", BREAKS.values(), ids=BREAKS)
def test_wherever_it_breaks_somebody_is_told_and_the_next_pull_is_whole(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, place: str, fault: Fault, forget: Callable[[], None]
) -> None:
    receiver = new_receiver()
    assert receiver.run().error is None
    forget()
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


@pytest.mark.parametrize("how", ["cut", "500", "404"])
def test_a_partner_whose_collection_has_moved_is_looked_for_anew(
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, how: str
) -> None:
    receiver = new_receiver()
    assert receiver.run().error is None
    proxy.requests.clear()
    proxy.always(BREAKS[how], match=OBJECTS)
    assert receiver.run().error is not None
    assert not any("/taxii2/ " in line for line in proxy.requests), "where it was is asked first"
    proxy.heal()
    proxy.requests.clear()
    assert receiver.run().error is None
    assert any("/taxii2/ " in line for line in proxy.requests)
    assert any("/ledger/ " in line for line in proxy.requests)
    assert receiver.held() == released(pair.sender, pair.collection)


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
    new_receiver: NewReceiver, pair: Pair, proxy: Proxy, sender: Sender, place: str, forget: Callable[[], None]
) -> None:
    receiver = new_receiver()
    forget()
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
