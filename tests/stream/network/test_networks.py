"""What may be connected to, in every form in which an address can be written."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from stream.errors import AddressRefused, SourceError
from stream.network.dialing import camera_tls, dial, resolve
from stream.network.networks import NetworkPolicy, NetworkSettings
from tests.peers.certificate import make_certificate

ELSEWHERE = NetworkPolicy(NetworkSettings(loopback=False))
"""As where Livesight listens on more than loopback."""


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 127.9.9.9 ::1 0.0.0.0 0.1.2.3 :: 169.254.169.254 169.254.7.7 fe80::1 fd00:ec2::254 100.100.100.200 "
    "192.0.0.192 168.63.129.16 224.0.0.1 239.255.255.250 ff02::1 255.255.255.255 240.0.0.1 ::ffff:127.0.0.1 "
    "::ffff:169.254.169.254 2002:a9fe:a9fe::1 2002:7f00:1::1 64:ff9b::169.254.169.254 64:ff9b::7f00:1 ::127.0.0.1 "
    "64:ff9b:1::a9fe:a9fe 2001:0:a9fe:a9fe::1".split(),
)
def test_what_no_camera_is_at_is_denied_in_every_form(address: str) -> None:
    assert not ELSEWHERE.allows(address, 554)


@pytest.mark.parametrize("address", "10.0.0.5 192.168.1.9 172.16.0.1 100.64.0.1 8.8.8.8 fd12::5 2001:db8::1".split())
def test_cameras_in_private_and_public_networks_are_allowed(address: str) -> None:
    assert ELSEWHERE.allows(address, 554)


def test_settings_say_more() -> None:
    policy = NetworkPolicy(
        NetworkSettings(allow=("169.254.0.0/16", "127.0.0.1"), deny=("10.0.0.0/8", "169.254.9.0/24"), loopback=False)
    )
    assert policy.allows("169.254.7.7", 554) and policy.allows("127.0.0.1", 554)
    assert not policy.allows("127.0.0.2", 554) and not policy.allows("169.254.9.1", 554)
    assert not policy.allows("10.0.0.5", 554) and not policy.allows("::ffff:10.0.0.5", 554)
    assert not policy.allows("169.254.169.254", 80), "a metadata service is allowed by its very address only"
    assert NetworkPolicy(NetworkSettings(allow=("169.254.169.254",))).allows("169.254.169.254", 80)
    only = NetworkPolicy(NetworkSettings(allow=("10.1.0.0/16",), only=True))
    assert only.allows("10.1.2.3", 80) and not only.allows("10.2.0.1", 80) and not only.allows("127.0.0.1", 80)


@pytest.mark.parametrize("written", ["localhost", "127.0.0.1", "[::1]", "0.0.0.0", "LOCALHOST"])
def test_a_reserved_place_is_reserved_at_all_addresses_of_its_host(written: str) -> None:
    own = NetworkPolicy(NetworkSettings(reserved=(f"{written}:9092", "10.1.2.3:5432", "10.1.2.4:5432")))
    found = [place for interface in psutil.net_if_addrs().values() for place in interface]
    here = [place.address for place in found if place.family in (socket.AF_INET, socket.AF_INET6)]
    for address in (*here, "127.0.0.1", "127.0.0.2", "::1", "::ffff:127.3.2.1", "64:ff9b::7f00:1"):
        assert not own.allows(address, 9092)
    assert own.allows("127.0.0.1", 554) and own.allows("10.1.2.3", 9092) and own.allows("127.0.0.1", 5432)
    assert not own.allows("10.1.2.3", 5432) and not own.allows("::ffff:10.1.2.4", 5432)


def test_the_port_of_a_host_that_nobody_knows_is_reserved_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    own = NetworkPolicy(NetworkSettings(reserved=("broker-unknown.example:9092",)))
    assert not own.allows("10.1.2.3", 9092) and own.allows("10.1.2.3", 554)


def test_a_reserved_host_is_looked_up_once_and_for_its_port_only(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = socket.getaddrinfo, []

    def counted(host: str, *arguments: object, **more: object) -> object:
        asked.append(host)
        return real("10.1.2.3", *arguments, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    settings = NetworkSettings(reserved=("broker-counted.example:9092",))
    assert all(NetworkPolicy(settings).allows("10.1.2.3", 554) for _ in range(3)) and not asked
    assert not any(NetworkPolicy(settings).allows("10.1.2.3", 9092) for _ in range(3))
    assert NetworkPolicy(settings).allows("10.1.2.4", 9092)
    assert asked == ["broker-counted.example"]


def test_a_resolver_that_hangs_holds_nobody_longer_than_they_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, asked = threading.Event(), []

    def hanging(host: str, *_: object, **__: object) -> object:
        asked.append(host)
        go_on.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    begun_s = time.monotonic()
    try:
        for _ in range(3):
            with pytest.raises(SourceError, match=r"could not be looked up within 0\.2 s"):
                dial("slow.example", 554, ELSEWHERE, 0.2)
        assert time.monotonic() - begun_s < 30 and asked == ["slow.example"]
    finally:
        go_on.set()


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "camera.example", "10.0.0.0/40"])
def test_a_bad_network_is_named(entry: str) -> None:
    with pytest.raises(ValidationError, match=entry):
        NetworkSettings(allow=(entry,))


@pytest.mark.parametrize("host", ["metadata.google.internal", "METADATA.google.internal.", "metadata"])
def test_names_of_metadata_services_are_not_even_resolved(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("resolved"))
    with pytest.raises(AddressRefused):
        resolve(host, 80, ELSEWHERE)


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS that answers differently the second time (rebinding) changes nothing."""
    answers = iter(["127.0.0.1", "127.0.0.2"])
    real, asked = socket.getaddrinfo, []

    def rebinding(host: str, *arguments: object, **more: object) -> object:
        if host != "camera.example":
            return real(host, *arguments, **more)  # type: ignore[call-overload]
        asked.append(host)
        return real(next(answers), *arguments, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    policy = NetworkPolicy(NetworkSettings(deny=("127.0.0.2",)))
    with socket.create_server(("127.0.0.1", 0)) as server:
        with dial("camera.example", server.getsockname()[1], policy, 5) as connection:
            assert connection.getpeername()[0] == "127.0.0.1"
    assert len(asked) == 1


def test_denied_says_the_same_of_open_and_closed_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(AddressRefused) as to_open:
            dial("127.0.0.1", port, ELSEWHERE, 5)
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    with pytest.raises(AddressRefused) as to_closed:
        dial("127.0.0.1", port, ELSEWHERE, 5)
    assert str(to_open.value) == str(to_closed.value)
    with pytest.raises(SourceError, match="Connection refused"):
        dial("127.0.0.1", port, NetworkPolicy(NetworkSettings()), 5)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_cameras_of_old_are_spoken_to_over_tls(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """A short key, a cipher without forward secrecy, TLS 1.0."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = version
    old.set_ciphers("AES128-SHA:@SECLEVEL=0")
    old.load_cert_chain(make_certificate(tmp_path / "old.pem", rsa_bits=1024))
    ours, theirs = socket.socketpair()
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(old.wrap_socket, theirs, server_side=True)
        with camera_tls().wrap_socket(ours, server_hostname="127.0.0.1") as connection, serving.result(20) as camera:
            agreed = connection.cipher()
            assert agreed is not None and agreed[0] == "AES128-SHA"
            connection.sendall(b"OPTIONS")
            assert camera.recv(7) == b"OPTIONS"
