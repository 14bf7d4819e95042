"""Which records of `livesight.status` count: signed, new, and of an address where a process may be."""

from __future__ import annotations

import json
import time
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from workers.access.cluster_keys import ClusterKeys
from workers.bus.message_bus import STATUS
from workers.cluster.address_policy import AddressPolicy
from workers.cluster.record_signature import RecordRefused, RecordSigner
from workers.cluster.settings import ClusterSettings
from workers.cluster.status import MonitorStatus
from workers.cluster.status_guard import StatusGuard
from workers.cluster.trust import ClusterTrust, Exposure, trust_of
from workers.errors import SettingsError
from workers.kafka.tail import Record

SECRET, OTHER = "secret-0123456789-0123456789-abcdef", "another-0123456789-0123456789-abcde"
KEYS = ClusterKeys([SECRET])
NETWORKS = (ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8"))
AWAY_S = 8.0


def status(address: str = "http://10.0.0.7:8000") -> bytes:
    """A monitor's record."""
    return MonitorStatus(monitor="m", address=address).to_json()


def record(value: bytes | None, *headers: tuple[str, bytes], key: str = "_monitor.m") -> Record:
    """As the broker has it."""
    return Record(STATUS, key, value, headers, 0)


def guard(trust: ClusterTrust | None = None) -> StatusGuard:
    """What a process with that trust checks with."""
    trust = trust or ClusterTrust(KEYS, NETWORKS, unsigned=False)
    return StatusGuard(trust, AddressPolicy(trust.networks, "http://own:8000", lambda host: []), AWAY_S)


def signed(value: bytes | None, key: str = "_monitor.m", secret: str = SECRET, at_s: float | None = None) -> Record:
    """Signed by a process that has the secret; at_s: what its clock shows."""
    signer = RecordSigner(ClusterKeys([secret]), "m") if at_s is None else RecordSigner(KEYS, "m", lambda: at_s)
    return record(value, signer.header(STATUS, key, value), key=key)


def test_what_a_process_of_the_cluster_signed_counts() -> None:
    checked = guard()
    for value, at_s in ((status(), time.time() - 1), (None, time.time())):
        admitted = checked.admit(signed(value, at_s=at_s))
        assert admitted is not None
        assert admitted[0] == "_monitor.m"
        assert (None if admitted[1] is None else json.loads(admitted[1])) == (value and json.loads(value))
    assert checked.problems() == []


def test_what_nobody_signed_is_ignored_and_told() -> None:
    checked = guard()
    forged = signed(status())
    changed = Record(STATUS, forged.key, status("http://10.0.0.66:80"), forged.headers, 0)
    elsewhere = Record(STATUS, "_monitor.n", forged.value, forged.headers, 0)
    ended = Record(STATUS, forged.key, None, forged.headers, 0)
    for one in (record(status()), record(None), changed, elsewhere, ended, signed(status(), secret=OTHER)):
        assert checked.admit(one) is None
    told = "\n".join(checked.problems())
    assert "livesight.status: the record of _monitor." in told
    assert "another cluster.secret, or somebody forged it" in told


def test_a_recorded_one_that_is_sent_again_changes_nothing() -> None:
    checked = guard()
    older, newer = signed(status(), at_s=time.time() - 2), signed(status(), at_s=time.time() - 1)
    assert checked.admit(newer) is not None
    assert checked.admit(newer) is None
    assert checked.admit(older) is None
    assert checked.problems() == [], "Kafka delivers twice now and then"
    late = guard()
    assert late.admit(signed(status(), at_s=time.time() - AWAY_S - 31)) is None
    assert "it is late, or the clocks differ" in late.problems()[0]
    assert " is ignored: " in late.problems()[0] and "other" not in late.problems()[0]


def test_two_processes_speak_of_one_stream_each_by_its_own_clock() -> None:
    checked = guard()
    ahead = RecordSigner(KEYS, "node-1", lambda: time.time() + 20)
    behind = RecordSigner(KEYS, "node-2", lambda: time.time() - 20)
    for signer in (ahead, behind, ahead):
        value = status()
        assert checked.admit(record(value, signer.header(STATUS, "cam", value), key="cam")) is not None


def test_during_an_exchange_both_secrets_count() -> None:
    both = ClusterTrust(ClusterKeys([OTHER, SECRET]), NETWORKS, unsigned=False)
    assert guard(both).admit(signed(status())) is not None
    assert guard(both).admit(signed(status(), secret=OTHER)) is not None


@pytest.mark.parametrize("address", ["http://192.0.2.1:80", "http://[::ffff:192.0.2.1]:80", "http://169.254.169.254"])
def test_an_address_outside_the_networks_is_refused_signed_or_not(address: str) -> None:
    for trust in (None, ClusterTrust(networks=NETWORKS)):
        checked = guard(trust)
        one = signed(status(address)) if trust is None else record(status(address))
        assert checked.admit(one) is None
        assert "not in cluster.networks" in checked.problems()[0]


@pytest.mark.parametrize(
    "address", ["ftp://10.0.0.1", "http://user@10.0.0.1", "http://10.0.0.1/x", "http://10.0.0.1:99999", "10.0.0.1", ""]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(RecordRefused, match="not http://host:port"):
        AddressPolicy(NETWORKS, "http://own:8000").hold(address)


def test_a_name_is_looked_up_once_and_its_address_held() -> None:
    asked: list[str] = []
    answers = {"node-1": [ip_address("10.0.0.1")], "mixed": [ip_address("10.0.0.1"), ip_address("192.0.2.1")]}

    def look_up(host: str) -> list[object]:
        asked.append(host)
        return list(answers.get(host, []))

    policy = AddressPolicy(NETWORKS, "http://own:8000", look_up)  # type: ignore[arg-type]
    assert policy.hold("http://node-1:8000") == "http://10.0.0.1:8000"
    answers["node-1"] = [ip_address("192.0.2.1")]
    assert policy.hold("http://node-1:8000") == "http://10.0.0.1:8000", "not where its name points a moment later"
    assert policy.hold("https://node-1") == "https://node-1", "its certificate says whether it is the one"
    assert policy.hold("http://own:8000") == "http://own:8000"
    for host in ("mixed", "nobody"):
        with pytest.raises(RecordRefused, match=f"names {host}, which is not in cluster.networks"):
            policy.hold(f"http://{host}:8000")
    assert asked == ["node-1", "mixed", "nobody"]


def test_rubbish_does_not_stop_the_reader() -> None:
    checked = guard(ClusterTrust(networks=NETWORKS))
    for value in (b"\xff", b"[" * 100_000, b"[]", b"null", b'{"address": 7}', b"{}"):
        checked.admit(record(value))
    assert checked.admit(record(status())) is not None


class TestTrust:
    """What the settings say about whom to believe."""

    LOCAL = Exposure(accounts=False, apart=True, on_loopback=True)
    OPEN = Exposure(accounts=True, apart=True, on_loopback=False)

    def test_alone_on_loopback_no_secret_is_needed_and_others_are_on_this_machine(self) -> None:
        trust = trust_of(ClusterSettings(), self.LOCAL)
        assert trust.keys is None
        assert trust.unsigned
        assert any(ip_address("127.0.0.1") in one for one in trust.networks)
        assert not any(ip_address("10.200.1.1") in one for one in trust.networks if one.num_addresses > 1)

    def test_with_accounts_and_roles_apart_it_is_required(self) -> None:
        with pytest.raises(SettingsError, match=r"cluster\.secret: .*openssl rand -base64 48"):
            trust_of(ClusterSettings(), self.OPEN)

    def test_one_process_with_accounts_believes_nobody_without_it(self) -> None:
        trust = trust_of(ClusterSettings(), Exposure(accounts=True, apart=False, on_loopback=False))
        checked = guard(trust)
        assert checked.admit(record(status())) is None
        assert "this process has no cluster.secret" in checked.problems()[0]

    def test_loopback_counts_only_for_who_listens_there(self) -> None:
        settings = ClusterSettings(secret=SECRET)  # type: ignore[arg-type]
        here, there = ip_address("127.0.0.1"), ip_address("10.1.2.3")
        opened = trust_of(settings, self.OPEN).networks
        assert [any(one in network for network in opened) for one in (here, there)] == [False, True]
        listed = trust_of(ClusterSettings(secret=SECRET, networks=("127.0.0.0/8",)), self.OPEN).networks  # type: ignore[arg-type]
        assert [any(one in network for network in listed) for one in (here, there)] == [True, False]

    def test_a_file_has_a_secret_a_line_the_first_signs(self, tmp_path: Path) -> None:
        path = tmp_path / "secrets"
        path.write_text(f"# new\n{OTHER}\n{SECRET}\n")
        keys = trust_of(ClusterSettings(secret_file=path), self.OPEN).keys
        assert keys is not None
        assert keys.accepted("x") == ClusterKeys([OTHER, SECRET]).accepted("x")

    @pytest.mark.parametrize(("content", "why"), [("", "is empty"), ("short\n", "secret 1 has 5 bytes and needs 32")])
    def test_a_bad_file_is_named(self, tmp_path: Path, content: str, why: str) -> None:
        path = tmp_path / "secrets"
        path.write_text(content)
        with pytest.raises(SettingsError, match=why):
            trust_of(ClusterSettings(secret_file=path), self.OPEN)
        with pytest.raises(SettingsError, match="No such file"):
            trust_of(ClusterSettings(secret_file=tmp_path / "other"), self.OPEN)
