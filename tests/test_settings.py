"""Settings from file, environment and options; whatever nobody knows is named."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from livesight import Settings, load_settings, new_cluster
from stream.errors import SourceError
from workers.cli.configuration import variables
from workers.cli.stream_names import named_source, named_sources
from workers.errors import SettingsError

PYDANTICS_VOICE = re.compile(r"nput should|xtra inputs|instance of|valid (tuple|list|dict|string)|ield required", re.I)


def write(folder: Path, text: str) -> Path:
    path = folder / "livesight.yaml"
    path.write_text(text)
    return path


def test_defaults_need_nothing() -> None:
    settings = load_settings(environ={})
    assert (settings.api.host, settings.api.port) == ("127.0.0.1", 8000)
    assert settings.kafka is None
    assert settings.streams == ()
    assert settings.state_dir.name == "livesight"


def test_options_win_over_environment_over_file(tmp_path: Path) -> None:
    config = write(tmp_path, "api: {port: 1001, host: 0.0.0.0, viewers: 7}\nworkers: {threads: 2}\n")
    environ = {"LIVESIGHT_API__PORT": "1002", "LIVESIGHT_API__HOST": "127.0.0.2"}
    settings = load_settings(config, {"api": {"port": 1003}}, environ)
    assert (settings.api.port, settings.api.host, settings.api.viewers) == (1003, "127.0.0.2", 7)
    assert settings.workers.threads == 2


def test_values_of_every_kind_from_the_environment(tmp_path: Path) -> None:
    settings = load_settings(
        environ={
            "LIVESIGHT_KAFKA__BOOTSTRAP_SERVERS": "one:9092, two:9093",
            "LIVESIGHT_KAFKA__SASL_PASSWORD": "s3cret",
            "LIVESIGHT_STREAM__ICE_SERVERS": '["stun:a:1"]',
            "LIVESIGHT_STATE_DIR": str(tmp_path),
            "LIVESIGHT_STREAMS": '[{"id": "yard", "url": "rtsp://cam/1"}]',
            "LIVESIGHT_WORKERS__DEVICE": "",
            "LIVESIGHT_ROLES": "node,api",
            "UNRELATED": "1",
        }
    )
    assert settings.kafka is not None
    assert settings.kafka.bootstrap_servers == ("one:9092", "two:9093")
    assert "s3cret" not in repr(settings)
    assert settings.stream.ice_servers == ("stun:a:1",)
    assert settings.state_dir == tmp_path
    assert settings.streams[0].id == "yard"
    assert settings.workers.device is None
    assert settings.roles == ("node", "api")


def test_settings_are_frozen() -> None:
    settings = load_settings(environ={})
    with pytest.raises(ValueError, match="frozen"):
        settings.roles = ()
    with pytest.raises(ValueError, match="frozen"):
        settings.api.port = 1


def test_what_kubernetes_injects_is_ignored() -> None:
    service = {
        "PORT": "tcp://10.0.0.1:8000",
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8000",
        "SERVICE_PORT_HTTP": "8000",
        "PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "PORT_8000_TCP_PROTO": "tcp",
        "PORT_8000_TCP_PORT": "8000",
        "PORT_8000_TCP_ADDR": "10.0.0.1",
    }
    environ = {f"LIVESIGHT_{key}": value for key, value in service.items()}
    environ |= {f"LIVESIGHT_NODE_{key}": value for key, value in service.items()}
    assert load_settings(environ=environ) == load_settings(environ={})


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("LIVESIGHT_PORT", "8000", "LIVESIGHT_PORT: unknown variable (did you mean LIVESIGHT_API__PORT?)"),
        ("LIVESIGHT_KAFKA__BOOTSTRAP_SERVER", "a:1", "did you mean LIVESIGHT_KAFKA__BOOTSTRAP_SERVERS?"),
        ("LIVESIGHT_API__PORT__DEEPER", "1", "LIVESIGHT_API__PORT__DEEPER: unknown variable"),
        ("LIVESIGHT_API__PORT", "eighty", "api.port (LIVESIGHT_API__PORT): must be an integer"),
        ("LIVESIGHT_KAFKA__BOOTSTRAP_SERVERS", "somewhere", "'somewhere' is not host:port"),
        ("LIVESIGHT_STREAMS", "[{", "LIVESIGHT_STREAMS: not JSON"),
        (
            "LIVESIGHT_STREAMS",
            '[{"id": "a", "ulr": "demo:"}]',
            "streams.0.ulr (LIVESIGHT_STREAMS): unknown key",
        ),
        ("LIVESIGHT_STREAMS", "{}", "streams (LIVESIGHT_STREAMS): must be a list"),
        ("LIVESIGHT_STREAM", "5", "stream (LIVESIGHT_STREAM): must hold keys and values; there are: connect_timeout_s"),
        ("LIVESIGHT_ROLES", "nodes,api", "unknown role nodes"),
        ("LIVESIGHT_ROLES", "api", "without the rest needs Kafka"),
        ("LIVESIGHT_LOG_LEVEL", "loud", "log_level (LIVESIGHT_LOG_LEVEL)"),
    ],
)
def test_bad_variables_are_named(variable: str, value: str, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={variable: value})
    assert named in str(caught.value) and not PYDANTICS_VOICE.search(str(caught.value))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("api: {prot: 1}", "api.prot: unknown key (did you mean port?)"),
        ("apis: {}", "apis: unknown key (did you mean api?)"),
        ("api: {port: 70000}", "api.port: must be at most 65535 (given: '70000')"),
        ("streams: [{id: Yard, url: 'demo:'}]", "streams.0.id"),
        ("streams: [{id: a, url: 'demo:'}, {id: a, url: 'demo:'}]", "there are two streams a"),
        ("streams: [{id: a}]", "stream a has no url"),
        ("streams: [{id: a, url: 'demo:', modles: [mask]}]", "streams.0.modles: unknown key"),
        ("kafka: {}", "kafka.bootstrap_servers: is required"),
        ("kafka: {}", "or set LIVESIGHT_KAFKA__BOOTSTRAP_SERVERS"),
        ("stream: 5", "stream: must hold keys and values; there are: connect_timeout_s, stall_timeout_s,"),
        ("streams: {a: 1}", "streams: must be a list"),
        ("streams: [5]", "streams.0: must hold keys and values; there are: id, url, user, password, models,"),
        ("streams: [{id: no, url: 'demo:'}]", "streams.0.id: must be text; put it in quotes, as YAML reads no"),
        ("streams: [{id: a, url: {CAM}}]", "streams.0.url: must be text"),
        (
            "streams: [{id: a, url: 'demo:', x: 1}]",
            "streams.0.x: unknown key; there are: id, url, user,",
        ),
        ("stream: {ring_s: none}", "stream.ring_s: must be a number (given: 'none')"),
        ("- just\n- a list", "must hold keys and values"),
        ("api: [", "not YAML"),
    ],
)
def test_bad_keys_and_values_of_a_file_are_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, text), environ={})
    assert named in str(caught.value)
    assert all(line.startswith(str(tmp_path / "livesight.yaml")) for line in str(caught.value).splitlines())
    assert not PYDANTICS_VOICE.search(str(caught.value))


def test_every_error_is_told_at_once_and_no_secret(tmp_path: Path) -> None:
    config = write(tmp_path, "api: {port: x}\nkafka: {bootstrap_servers: a:1, sasl_password: [hush]}\nwhat: 1\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environ={})
    assert len(str(caught.value).splitlines()) == 3
    assert "hush" not in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"/nowhere\.yaml: No such file"):
        load_settings(Path("/nowhere.yaml"), environ={})


def test_an_empty_file_is_fine(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "# nothing yet\n"), environ={}) == load_settings(environ={})


def test_variables_reach_every_package() -> None:
    known = set(variables(Settings))
    assert {"LIVESIGHT_STREAM__STALL_TIMEOUT_S", "LIVESIGHT_WORKERS__BACKEND", "LIVESIGHT_KAFKA__LINGER_MS"} <= known


@pytest.mark.parametrize(
    ("text", "stream_id", "url"),
    [
        ("door=rtsp://u:p@h/1?x=y", "door", "rtsp://h/1?x=y"),
        ("rtsp://h:8554/entrance", "entrance", "rtsp://h:8554/entrance"),
        ("rtsp://h/user=admin_password=s3cret", "cam1", "rtsp://h/user=admin_password=s3cret"),
        ("rtsp://h?channel=3", "cam1", "rtsp://h?channel=3"),
        ("https://h/live/Main-Gate.m3u8", "main-gate", "https://h/live/Main-Gate.m3u8"),
        ("file:/a/b/Clip_1.mp4", "clip-1", "file:/a/b/Clip_1.mp4"),
        ("/a/b/clip.mp4", "clip", "file:/a/b/clip.mp4"),
        ("device:0", "device0", "device:0"),
        ("demo:", "demo", "demo:"),
    ],
)
def test_a_source_gets_a_name(text: str, stream_id: str, url: str) -> None:
    config = named_source(text)
    assert (config.id, config.url) == (stream_id, url)


def test_names_do_not_meet() -> None:
    configs = named_sources(["demo:", "demo:", "rtsp://a", "rtsp://b", "demo:"], taken=["cam1"])
    assert [config.id for config in configs] == ["demo", "demo-2", "cam2", "cam3", "demo-3"]
    with pytest.raises(SourceError, match="a stream door already exists"):
        named_sources(["door=demo:", "door=demo:"])
    with pytest.raises(SourceError, match="Door=rtsp://h: id"):
        named_sources(["Door=rtsp://u:p@h"])


def test_accounts_and_roles_apart_need_the_cluster_s_secret(tmp_path: Path) -> None:
    environ = {
        "LIVESIGHT_AUTH__MODE": "accounts",
        "LIVESIGHT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "LIVESIGHT_STATE_DIR": str(tmp_path),
        "LIVESIGHT_ROLES": "node",
        "LIVESIGHT_CLUSTER__NETWORKS": "10.1.0.0/16, fd00::/8",
    }
    with socket.create_server(("127.0.0.1", 0)) as sock:
        with pytest.raises(
            SettingsError, match=r"^cluster\.secret: .*LIVESIGHT_CLUSTER__SECRET.*openssl rand -base64 48"
        ):
            new_cluster(load_settings(environ=environ), sock)
        secret = {"LIVESIGHT_CLUSTER__SECRET": "0123456789abcdef0123456789abcdef"}
        cluster = new_cluster(load_settings(environ=environ | secret), sock)
    assert cluster is not None
    assert [str(one) for one in cluster.trust.networks] == ["10.1.0.0/16", "fd00::/8"]
    assert "0123456789abcdef" not in repr(cluster.settings)
    with pytest.raises(SettingsError) as refused:
        load_settings(environ=environ | {"LIVESIGHT_CLUSTER__SECRET": "hunter2"})
    assert "LIVESIGHT_CLUSTER__SECRET" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_variables_and_secret_files_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("p@ss/word#1\n")
    path = write(
        tmp_path,
        "streams:\n"
        '  - {id: a, url: "rtsp://u:${CAM_PASSWORD}@127.0.0.1:9551/${CAM_PATH}"}\n'
        f"  - {{id: b, url: rtsp://127.0.0.1/x, user: u, password_file: {tmp_path}/secret}}\n"
        '  - {id: c, url: rtsp://127.0.0.1/x, user: u, password: "$${CAM_PASSWORD}"}\n',
    )
    settings = load_settings(path, environ={"CAM_PASSWORD": "p@ss/word", "CAM_PATH": "live/1"})
    passwords = [stream.password for stream in settings.streams]
    assert settings.streams[0].url == "rtsp://127.0.0.1:9551/live/1"
    assert passwords == ["p@ss/word", "p@ss/word#1", "${CAM_PASSWORD}"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("stream: {}\nstream: {}", "stream stands twice"),
        ("stream:\n  stall_timeout_s: 5\n  stall_timeout_s: 6", "stall_timeout_s stands twice"),
        ("streams: [{id: a, url: 'rtsp://u:${NOT_SET}@h/x'}]", "streams.0.url: the variable NOT_SET is not set"),
        ("streams: [{id: a, url: {CAM}}]", "must be text; a variable is written ${CAM}"),
        ("streams: [{id: a, url: 'rtsp://h/', user: u, password_file: /no/such}]", "streams.0.password_file: /no/such"),
        ("streams: [{id: a, url: 'rtsp://a:p@hunter2/b@h/'}]", "streams.0: the URL can be read in more than one way"),
        ("stream: {networks: {allow: [10.0.0.1/8]}}", "did you mean 10.0.0.0/8?"),
    ],
)
def test_what_is_wrong_with_addresses_and_secrets_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, text), environ={})
    assert named in str(caught.value) and "hunter2" not in str(caught.value)


def test_networks_know_where_we_listen_and_our_own_places() -> None:
    here = load_settings(environ={}).stream.networks
    assert here.loopback is True and here.reserved == ()
    environ = {
        "LIVESIGHT_API__HOST": "0.0.0.0",
        "LIVESIGHT_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
        "LIVESIGHT_MONITORING__DATABASE_URL": "postgresql://u:p@db/livesight",
    }
    open_settings = load_settings(environ=environ)
    for networks in (open_settings.stream.networks, open_settings.monitoring.alerts.networks):
        assert networks.loopback is False and networks.reserved == ("kafka:9092", "db:5432")
    listed = load_settings(environ={**environ, "LIVESIGHT_STREAM__NETWORKS__LOOPBACK": "true"})
    assert listed.stream.networks.loopback is True and listed.monitoring.alerts.networks.loopback is False
