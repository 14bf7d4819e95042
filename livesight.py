"""The command line; puts the parts together. Imported by nobody.

What takes long to import is imported by the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from api.auth.mode_checks import check_mode, open_to_all
from api.auth.settings import AuthSettings
from api.cli.accounts import record_if_accounts
from api.cli.audit import mount as mount_audit
from api.cli.explain import mount as mount_explain
from api.cli.keys import mount as mount_keys
from api.cli.settings_checks import ROLES, Roles, check_together
from api.cli.users import mount as mount_users
from api.http.errors import ApiError
from api.settings import ApiSettings
from monitoring import URL_PREFIXES as MONITORING_PREFIXES
from monitoring.ask.cli import mount as mount_ask
from monitoring.cli.people import mount_people
from monitoring.report.cli import ReportContext
from monitoring.report.cli import mount as mount_report
from monitoring.settings import MonitorSettings
from stream.config import DEFAULT_MODELS, ConfiguredStreams, StreamConfig, StreamSettings
from stream.errors import StreamError
from stream.url_redaction import redact
from training.cli.commands import mount as mount_training
from training.errors import GateError, TrainingError
from workers.bench.cli import mount as mount_bench
from workers.cli.analyze import mount as mount_analyze
from workers.cli.command import CONFIG_VARIABLE, CommandContext, ConfigOption
from workers.cli.configuration import SettingsSources, default_state_dir, explain, merged, read_environment
from workers.cli.doctor_command import mount as mount_doctor
from workers.cli.models import mount as mount_models
from workers.cli.own_places import with_networks
from workers.cli.people import mount_face_model
from workers.cli.secret_commands import examine_secrets
from workers.cli.secret_commands import mount as mount_secrets
from workers.cli.stored_keys import keys_of
from workers.cli.stream_names import named_sources
from workers.cli.topics import TopicsContext
from workers.cli.topics import mount as mount_topics
from workers.cli.yaml_file import read_yaml
from workers.cluster.settings import ClusterSettings
from workers.cluster.trust import cluster_keys
from workers.descriptors import raise_limit
from workers.errors import SettingsError, WorkerError
from workers.kafka.settings import KafkaSettings
from workers.logs import LogFormat, LogLevel, configure_logs, writes_json
from workers.memory import freeze_loaded, limit_arenas
from workers.secrets.settings import SecretSettings
from workers.settings import NodeSettings, WorkerSettings
from workers.state_directory import make_state_dir

if TYPE_CHECKING:
    from api.audit.trail import AuditTrail
    from api.auth.access_control import AccessControl
    from api.server.lifecycle import DeadlineStack
    from monitoring.core.contracts import CutClip
    from monitoring.service import Monitoring
    from workers.bus.message_bus import Bus, LocalBus
    from workers.cli.doctor import CheckResult
    from workers.cluster.cluster import Cluster
    from workers.model_card import ModelStore
    from workers.node.node import Node

CLUSTER_S, DRAIN_S, MONITOR_S, BUS_S, ACCESS_S, ALL_S = 3.0, 4.0, 3.0, 1.5, 1.0, 8.5


class Settings(BaseModel):
    """Everything that can be set; one model a package."""

    model_config = ConfigDict(allow_inf_nan=False, frozen=True, extra="forbid", validate_default=True)

    api: ApiSettings = ApiSettings()
    auth: AuthSettings = AuthSettings()
    stream: StreamSettings = StreamSettings()
    workers: WorkerSettings = WorkerSettings()
    kafka: KafkaSettings | None = None
    cluster: ClusterSettings = ClusterSettings()
    secrets: SecretSettings = SecretSettings()
    monitoring: MonitorSettings = MonitorSettings()
    streams: ConfiguredStreams = ()
    roles: Roles = ROLES
    state_dir: Path = Field(default_factory=default_state_dir)
    node_name: str = Field(default_factory=socket.gethostname, min_length=1, max_length=200)
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"

    @field_validator("state_dir")
    @classmethod
    def _expanded(cls, path: Path) -> Path:
        return path.expanduser().absolute()


def load_settings(
    config: Path | None = None, options: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settings from a YAML file, the environment and options, later ones winning.

    Raises SettingsError naming every unknown key or variable and every bad value.
    """
    from_file = read_yaml(config, environ) if config else {}
    from_environment = read_environment(Settings, environ, frozenset({CONFIG_VARIABLE}))
    try:
        settings = Settings(**merged(from_file, from_environment, options or {}))
    except ValidationError as error:
        raise explain(error, Settings, SettingsSources(environ, config, from_file)) from error
    check_together(settings)
    return with_networks(settings)


app = typer.Typer(
    name="livesight",
    help="Watches live video and says, frame by frame, what is there.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

PortOption = Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.", show_default="8000")]


@app.command()
def up(
    source: Annotated[
        list[str] | None,
        typer.Option(help="rtsp://…, http(s)://…, file:PATH, device:0 or demo:, or ID=URL to name it; repeatable."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: PortOption = None,
    roles: Annotated[str | None, typer.Option(help="By comma.", show_default=",".join(ROLES))] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Let whoever reaches it do everything.")] = False,
    config: ConfigOption = None,
) -> None:
    """Serve: streams in, pages, results and metrics out."""
    listening = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    options: dict[str, Any] = {"api": listening, "auth": {"insecure": True} if insecure else {}}
    if roles is not None:
        options["roles"] = [role.strip() for role in roles.split(",") if role.strip()]
    settings = load_settings(config, options)
    serve(settings, [*settings.streams, *named_sources(source or [], [stream.id for stream in settings.streams])])


@app.command()
def demo(port: PortOption = None, config: ConfigOption = None) -> None:
    """Serve with a built-in camera that shows moving faces."""
    settings = load_settings(config, {"api": {} if port is None else {"port": port}})
    serve(settings, [*settings.streams, *named_sources(["demo:"], [stream.id for stream in settings.streams])])


def serve(settings: Settings, streams: Sequence[StreamConfig]) -> None:
    """Run until a signal; whatever happens, what was opened is closed in order."""
    if streams and "node" not in settings.roles:
        raise SettingsError(f"streams: {streams[0].id}: only the role node runs streams; add it over HTTP, or the role")
    check_mode(settings.auth, settings.api, settings.roles)
    configure_logs(settings.log_level, settings.log_format)
    limit_arenas()
    raise_limit()
    from api.app import create_app, extend_or_forward
    from api.http.listening import listen
    from api.server.lifecycle import DeadlineStack, EarlySignals, Service, threads_left
    from api.video.clip_cutter import ClipCutter
    from workers.bus.message_bus import LocalBus

    make_state_dir(settings.state_dir)
    early = EarlySignals()
    place = settings.api.host, settings.api.port
    with early.listening(), closing(listen(*place)) as sock, DeadlineStack(ALL_S) as stack:
        access = start_access(settings, stack)
        local = LocalBus()
        bus = open_bus(settings, local)
        stack.closes(bus.close, BUS_S)
        cluster = new_cluster(settings, sock)
        node = new_node(settings, bus, cluster, local)
        if monitoring := new_monitoring(settings, local, ClipCutter(node, cluster), access, cluster):
            stack.closes(monitoring.close, MONITOR_S)
            monitoring.start()
        start_node(settings, node, streams, stack)
        start_cluster(settings, cluster, node, stack)
        start_feed(settings, local, stack)
        trail = start_trail(settings, access, bus, stack)
        application = create_app(node, bus, settings.api, settings.roles, cluster, access=access, trail=trail)
        extend_or_forward(application, monitoring, MONITORING_PREFIXES)
        service = Service(application, stack.close, lambda: _started(settings, sock, node, access), early)
        service.run([sock])
    left = threads_left()
    structlog.get_logger(__name__).info("stopped", threads_left=left)
    service.over(left)


def _started(settings: Settings, sock: socket.socket, node: Node, access: AccessControl | None) -> None:
    from api.cli.announcement import Announcement, announce

    streams = [stream.id for stream in node.streams.views()]
    token, to_all = None if access is None else access.setup_token, open_to_all(settings.auth, settings.api)
    what = Announcement(settings.roles, streams, settings.state_dir, to_all, token)
    announce(what, sock, as_json=writes_json(settings.log_format))
    freeze_loaded()


def open_bus(settings: Settings, local: LocalBus) -> Bus:
    """Kafka when it is configured and this process has results or an audit trail for it, else in process."""
    if settings.kafka is None or not ("node" in settings.roles or settings.auth.audits):
        return local
    from workers.kafka.kafka_bus import KafkaBus

    return KafkaBus(settings.kafka, local, settings.state_dir)


def new_cluster(settings: Settings, sock: socket.socket) -> Cluster | None:
    """With Kafka: what shares cameras with the other processes; it does nothing yet."""
    if settings.kafka is None:
        return None
    from api.http.listening import advertised_address
    from workers.cluster.cluster import Cluster, Member
    from workers.cluster.trust import Exposure, trust_of

    address = settings.cluster.address or advertised_address(sock)
    member = Member(settings.node_name, address, settings.state_dir, keys_of(settings))
    apart = not set(ROLES) <= set(settings.roles)
    trust = trust_of(settings.cluster, Exposure(settings.auth.mode == "accounts", apart, settings.api.on_loopback))
    return Cluster(settings.kafka, settings.cluster, member, trust)


def new_node(settings: Settings, bus: Bus, cluster: Cluster | None, local: LocalBus) -> Node:
    """The node, which runs nothing yet. Where cameras are shared, the cluster stores them and says what may leave."""
    from workers.identity.gallery_follower import GalleryFollower
    from workers.node.node import Node
    from workers.node.publisher import always

    kept_in = settings.state_dir if cluster is None or not settings.cluster.lease else None
    own = NodeSettings(settings.node_name, settings.workers, settings.stream, kept_in, keys_of(settings))
    who = GalleryFollower.of_bus(local) if cluster is None else cluster.gallery
    return Node(own, model_store(settings), bus, always if cluster is None else cluster.may_publish, who.current)


def new_monitoring(
    settings: Settings, local: LocalBus, cut_clip: CutClip, access: AccessControl | None, cluster: Cluster | None
) -> Monitoring | None:
    """What reads results, begun before the node makes any, and closed after it, with its last results."""
    if "monitor" not in settings.roles:
        return None
    from monitoring.assembly import MonitoringContext
    from monitoring.core.known_words import KnownWords
    from monitoring.people.face_reader import ModelFaces, Reading
    from monitoring.service import Monitoring

    sign = None if access is None else access.machines.alert_link
    ended = None if cluster is None else cluster.ended
    words = KnownWords(model_store(settings), None if cluster is None else cluster.board)
    own = settings.state_dir, settings.node_name, local, settings.kafka
    faces = ModelFaces(Reading(model_store(settings), settings.workers, settings.stream))
    context = MonitoringContext(*own, cut_clip, sign, ended, words, keys_of(settings), faces)
    return Monitoring(settings.monitoring, context)


def start_access(settings: Settings, stack: DeadlineStack) -> AccessControl | None:
    """Who may do what; None where everybody who reaches the service is admin."""
    if settings.auth.mode == "none":
        return None
    from api.auth.access_control import AccessControl

    access = AccessControl(settings.auth, settings.state_dir, settings.roles, cluster_keys(settings.cluster))
    stack.closes(access.close, ACCESS_S)
    access.start()
    return access


def start_trail(settings: Settings, access: AccessControl | None, bus: Bus, stack: DeadlineStack) -> AuditTrail | None:
    """Where it is recorded who sees and changes what; None where that is off or nobody is known."""
    if access is None or not settings.auth.audits:
        return None
    from api.audit.opening import open_trail

    trail = open_trail(access, settings.node_name, None if settings.kafka is None else bus)
    stack.closes(trail.close, ACCESS_S)
    return trail


def start_node(settings: Settings, node: Node, streams: Sequence[StreamConfig], stack: DeadlineStack) -> None:
    """Load the models, and run the configured streams beside those that are stored."""
    from stream.sources.source_urls import open_source

    stack.closes(node.close, DRAIN_S)
    for stream in streams:  # a bad URL is refused before models are loaded
        open_source(stream, settings.stream, live=True, allow_local=True)
    if "node" in settings.roles:
        node.start(tuple(dict.fromkeys(name for stream in streams for name in stream.models)) or DEFAULT_MODELS)
    for stream in streams:
        if node.streams.runs(stream.id):
            structlog.get_logger(__name__).warning("kept_stream_replaced", stream=stream.id)
            node.streams.remove(stream.id, "replaced")
        node.streams.add(stream, allow_local=True)


def start_cluster(settings: Settings, cluster: Cluster | None, node: Node, stack: DeadlineStack) -> None:
    """Share cameras with the other processes."""
    if cluster is not None:
        stack.closes(cluster.close, CLUSTER_S)
        cluster.start(node if "node" in settings.roles else None)


def start_feed(settings: Settings, local: LocalBus, stack: DeadlineStack) -> None:
    """With Kafka: have the other nodes' results on `local`, for the pages."""
    if settings.kafka is None or "api" not in settings.roles:
        return
    from workers.kafka.feed import KafkaFeed

    feed = KafkaFeed(settings.kafka, local, settings.node_name if "node" in settings.roles else None)
    stack.closes(feed.close, BUS_S)
    feed.start()


def model_store(settings: Settings) -> ModelStore:
    """The models that there are for these settings."""
    from workers.model_card import ModelStore

    return ModelStore.of(settings.workers.models_dir, settings.state_dir)


def command_settings(config: Path | None) -> Settings:
    """The settings of a command that is no service: its log tells what is amiss only."""
    settings = load_settings(config)
    configure_logs("warning" if settings.log_level == "info" else settings.log_level, settings.log_format)
    return settings


def command_context(config: Path | None, *, writes: bool = False) -> CommandContext:
    """What the commands of other packages work with."""
    settings = command_settings(config)
    if writes:
        make_state_dir(settings.state_dir)
    return CommandContext(model_store(settings), settings.workers, settings.stream, settings.node_name)


def report_context(config: Path | None) -> ReportContext:
    """Where the events, snapshots and clips are."""
    settings = command_settings(config)
    database_url = settings.monitoring.url(settings.state_dir)
    media = settings.state_dir / "media"
    return ReportContext(database_url, media, settings.monitoring.mlflow_url, model_store(settings))


def kafka_context(config: Path | None) -> TopicsContext:
    """How Kafka is used."""
    settings = load_settings(config)
    return TopicsContext(settings.kafka, settings.cluster.group, settings.roles)


def examined(config: Path | None) -> list[CheckResult]:
    """What `livesight doctor` finds."""
    from monitoring.doctor import examine_database
    from workers.cli.doctor import examine

    settings = load_settings(config)
    configure_logs("error", settings.log_format)
    findings = examine(settings.workers, settings.kafka, model_store(settings), settings.state_dir)
    return [*findings, examine_secrets(settings), examine_database(settings.monitoring, settings.state_dir)]


for mount_on_models in (mount_analyze, mount_bench, mount_explain, mount_models):
    mount_on_models(app, command_context)
for mount_on_settings in (mount_ask, mount_audit, mount_keys, mount_secrets, mount_users):
    mount_on_settings(app, command_settings)
mount_doctor(app, examined)
mount_people(mount_face_model(app, command_context), command_settings, record_if_accounts)
mount_report(app, report_context)
mount_topics(app, kafka_context)
mount_training(app)


def main() -> None:
    """Run; what the user did wrong goes to stderr in a line each, and exit code 2."""
    try:
        app()
    except (StreamError, WorkerError, ApiError, TrainingError) as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            typer.echo(f"livesight: {redact(line)}", err=True)
        sys.exit(1 if isinstance(error, GateError) else 2)


if __name__ == "__main__":
    main()
