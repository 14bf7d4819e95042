"""`livesight secrets status` and `rotate`: which keys encrypt what is stored. On the calling thread; blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from workers.cli.command import ConfigOption, JsonOption
from workers.cli.stored_keys import SecretsLocation, keys_of, shares_cameras
from workers.errors import BusError, SettingsError
from workers.secrets.inventory import FILES, StoredSecrets, count, count_file
from workers.secrets.keys import SecretKeys
from workers.secrets.opening import has_own_key, renew_own_key
from workers.state_directory import make_state_dir

if TYPE_CHECKING:
    from workers.cli.doctor import CheckResult
    from workers.cluster.stored_specs import StoredSpecs

_TOPIC = "livesight.streams"
_NO_KEY = (
    "secrets: there is no key that encrypts: set secrets.key, secrets.key_file or cluster.secret, to the same text in "
    "all processes"
)


def mount(app: typer.Typer, open_: Callable[[Path | None], SecretsLocation]) -> None:
    """Add the commands to `app`. `open_` reads the settings."""
    commands = typer.Typer(help="What encrypts addresses and passwords of cameras where they are stored.")
    app.add_typer(commands, name="secrets", no_args_is_help=True)

    @commands.command("status")
    def status(as_json: JsonOption = False, config: ConfigOption = None) -> None:
        """How much is encrypted with which key, and which keys are not needed any more."""
        settings = open_(config)
        keys = keys_of(settings, make=False)
        with _topic(settings) as topic:
            _print(_found(settings, keys, topic), keys, as_json)

    @commands.command("rotate")
    def rotate(config: ConfigOption = None) -> None:
        """Encrypt everything anew with the newest key; where a process has a key of its own, it gets another first."""
        settings = open_(config)
        make_state_dir(settings.state_dir)
        keys = keys_of(settings)
        if keys.current is None:
            raise SettingsError(_NO_KEY)
        with _topic(settings) as topic:
            if isinstance(topic, str):
                raise BusError(topic)
            begun = any(one.of_older_keys(keys) for one in _found(settings, keys, topic))
            if has_own_key(keys, settings.state_dir) and not begun:  # else one that was interrupted goes on
                renew_own_key(settings.state_dir)
                keys = keys_of(settings)
            _encrypt_files(settings.state_dir, keys)
            if topic is not None:
                typer.echo(f"{_TOPIC}: {topic.encrypt_anew(keys)} encrypted anew")
            found = _found(settings, keys, topic)
        _print(found, keys, as_json=False)
        typer.echo("Restart what runs with an older key first: it encrypts with that one until then.")
        if any(one.findings(keys) or one.of_older_keys(keys) for one in found):
            raise typer.Exit(1)


def examine_secrets(settings: SecretsLocation) -> CheckResult:
    """For `livesight doctor`: whether what the state directory has is encrypted, and can be read."""
    from workers.cli.doctor import CheckResult

    keys = keys_of(settings, make=False)
    found = _found(settings, keys, None)
    wrong = [text for one in found for text in one.findings(keys)]
    if wrong:
        hint = "" if keys.current is None else "; the next start encrypts plain text"
        return CheckResult(subject="secrets", verdict="wrong", detail="; ".join(wrong) + hint)
    if keys.current is not None:
        detail = f"addresses of cameras are encrypted with key {keys.current} ({keys.names[keys.current]})"
        return CheckResult(subject="secrets", verdict="ok", detail=detail)
    if shares_cameras(settings):
        detail = "addresses of cameras are plain text on Kafka: set secrets.key or cluster.secret"
        return CheckResult(subject="secrets", verdict="absent", detail=detail)
    return CheckResult(subject="secrets", verdict="ok", detail="a key will be made at the first start")


@contextmanager
def _topic(settings: SecretsLocation) -> Iterator[StoredSpecs | str | None]:
    """What the topic has; why it cannot be read; None where there is none."""
    if settings.kafka is None or not shares_cameras(settings):
        yield None
        return
    from workers.cluster.stored_specs import StoredSpecs

    specs = StoredSpecs(settings.kafka)
    try:
        specs.open()
    except BusError as error:
        yield str(error)
        return
    try:
        yield specs
    finally:
        specs.close()


def _found(settings: SecretsLocation, keys: SecretKeys, topic: StoredSpecs | str | None) -> list[StoredSecrets]:
    files = [count_file(settings.state_dir / name, keys) for name in FILES]
    found = [one for one in files if one is not None]
    if isinstance(topic, str):
        return [*found, StoredSecrets(_TOPIC, problem=topic)]
    return found if topic is None else [*found, count(_TOPIC, topic.entries(), keys)]


def _encrypt_files(state_dir: Path, keys: SecretKeys) -> None:
    """As a service does at its start."""
    from workers.cluster.spec_registry import SpecRegistry
    from workers.node.local_streams import LocalStreams

    LocalStreams(state_dir, keys).read()
    SpecRegistry(state_dir, keys=keys)


def _print(found: list[StoredSecrets], keys: SecretKeys, as_json: bool) -> None:
    values = {key_id: sum(one.by_key[key_id] for one in found) for key_id in keys.names}
    unread = any(one.problem is not None for one in found)
    removable = [key_id for key_id in keys.names if key_id != keys.current and not values[key_id] and not unread]
    if as_json:
        import json

        known = [
            {"id": key_id, "where": name, "encrypts": key_id == keys.current, "values": values[key_id],
             "removable": key_id in removable}
            for key_id, name in keys.names.items()
        ]  # fmt: skip
        places = [
            {"place": one.place, "by_key": dict(one.by_key), "plain": one.plain, "problems": one.findings(keys)}
            for one in found
        ]
        typer.echo(json.dumps({"keys": known, "places": places}, indent=1))
        return
    for key_id, name in keys.names.items():
        role = "encrypts" if key_id == keys.current else "decrypts only"
        if key_id in removable:
            role += f"; not needed any more here: remove it from {name} once all processes have the newer one"
        typer.echo(f"key {key_id} ({name}): {role}")
    for one in found:
        parts = [f"{number} with key {key_id}" for key_id, number in sorted(one.by_key.items())]
        typer.echo(f"{one.place}: {', '.join(parts) or 'nothing encrypted'}")
    for text in (text for one in found for text in one.findings(keys)):
        typer.echo(f"problem: {text}")
    if keys.current is None:
        typer.echo("nothing is encrypted: there is no key")
