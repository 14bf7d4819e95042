"""What a Kafka administrator runs for Livesight: commands of Kafka's own tools for topics and ACLs. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from workers.kafka.permissions import NEEDED, Operation, Role
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import Topic, definitions, kafka_name


@dataclass(frozen=True, slots=True)
class Access:
    """Who is given access: a principal as Kafka writes it (`User:livesight`), its roles, the nodes' consumer group."""

    principal: str
    roles: Collection[Role]
    group: str


def topic_commands(settings: KafkaSettings, roles: Collection[Role], connection: Collection[str]) -> list[list[str]]:
    """`kafka-topics.sh --create` for each topic that one of the roles uses; a topic that exists stays as it is."""
    used = {topic for role in roles for topic in NEEDED[role]}
    return [
        ["kafka-topics.sh", *connection, *_created(topic)]
        for logical, topic in definitions(settings).items()
        if logical in used
    ]


def acl_commands(settings: KafkaSettings, access: Access, connection: Collection[str]) -> list[list[str]]:
    """`kafka-acls.sh --add` for what the roles do: topics with the same operations together, then the nodes' group."""
    operations: dict[str, set[Operation]] = {}
    for role in access.roles:
        for topic, needed in NEEDED[role].items():
            operations.setdefault(topic, set()).update(needed)
    tool = ["kafka-acls.sh", *connection, "--add", "--allow-principal", access.principal]
    commands = []
    for wanted in sorted({tuple(sorted(found)) for found in operations.values()}):
        named = [kafka_name(topic, settings.topics) for topic, found in operations.items() if found == set(wanted)]
        topics = [part for name in named for part in ("--topic", name)]
        commands.append([*tool, *(part for one in wanted for part in ("--operation", one)), *topics])
    if "node" in access.roles:
        commands.append([*tool, "--operation", "READ", "--group", access.group])
    return commands


def connection_options(settings: KafkaSettings, command_config: str | None) -> list[str]:
    """How the tools reach the broker. command_config: a properties file with the administrator's login."""
    config = [] if command_config is None else ["--command-config", command_config]
    return ["--bootstrap-server", ",".join(settings.bootstrap_servers), *config]


def script(commands: Collection[list[str]]) -> str:
    """As lines for a shell."""
    return "\n".join(shlex.join(command) for command in commands)


def _created(topic: Topic) -> Iterator[str]:
    yield from ("--create", "--if-not-exists", "--topic", topic.name, "--partitions", str(topic.partitions))
    if topic.replication_factor > 0:
        yield from ("--replication-factor", str(topic.replication_factor))
    for name, value in topic.configs.items():
        yield from ("--config", f"{name}={value}")
