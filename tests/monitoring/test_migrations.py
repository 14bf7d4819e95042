"""Migrations, on SQLite and PostgreSQL: databases of earlier releases, later ones, branches of several packages."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, inspect, select

import monitoring.assembly  # noqa: F401 - the parts declare their tables
from monitoring.arrangements.scene_store import SceneStore
from monitoring.doctor import examine_database
from monitoring.migrations import MONITORING, versions
from monitoring.settings import MonitorSettings
from monitoring.store.checkpoints import read_offsets, read_states
from monitoring.store.query import PageQuery, page_of
from monitoring.store.tables import event_hours, metadata, outbox
from monitoring.store.writes import add_events
from tests.monitoring.happened import SESSION, happened
from tests.peers.ports import free_port
from workers.access.principal import ALL_STREAMS
from workers.bus.event import Event
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import MigrationBranch, applied_revision, migrate
from workers.errors import DatabaseError, DatabaseRefused, DatabaseUnavailable

DATABASES = Path(__file__).with_name("databases")
"""What earlier releases made, as SQL: two events of a track, an alert, a crop, a scene, states, offsets, an outbox."""

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {before}


def upgrade() -> None:
    op.create_table("{table}", sa.Column("id", sa.Integer(), primary_key=True))
"""


def differences(connection: Connection) -> list[object]:
    """What the tables of a database lack, or have more, than the code wants."""
    found: list[object] = compare_metadata(MigrationContext.configure(connection), metadata)
    return found


def test_migrations_lead_to_the_tables(database: Database) -> None:
    with database.read() as connection:
        assert differences(connection) == []
    migrate(database, MONITORING)  # again: nothing to do


def restore(database_url: str, revision: str) -> None:
    """Fill an empty database with what the release of that revision left."""
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
            connection.executescript((DATABASES / f"{revision}-sqlite.sql").read_text())
    else:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute((DATABASES / f"{revision}-postgresql.sql").read_text().encode())


def test_a_database_of_an_earlier_release_goes_on(database_url: str) -> None:
    restore(database_url, "0001")
    database = Database(driver_url(database_url))
    migrate(database, MONITORING)
    scenes = SceneStore(database)
    scenes.reload()
    with database.write() as connection:
        assert differences(connection) == []
        page = page_of(connection, PageQuery(), ALL_STREAMS)
        assert [row["kind"] for row in page.rows] == ["alert", "track_ended", "track_began"]
        assert {Event.model_validate_json(row["body"]).session for row in page.rows} == {SESSION}
        assert read_states(connection) == {("rules", "door"): "{}"}
        assert read_offsets(connection) == {("livesight.detections", 0): 42}
        assert connection.scalar(select(outbox.c.key)) == "door"
        assert add_events(connection, [happened(4, "track_began", track_id=1)])
        assert add_events(connection, [Event.model_validate_json(page.rows[0]["body"])]) == [], "it is there already"
        counts = {row["kind"]: row["count"] for row in connection.execute(select(event_hours)).mappings()}
        assert counts == {"track_began": 2, "track_ended": 1, "alert": 1}
    scene = scenes.scene("door")
    assert scene is not None and [zone.name for zone in scene.zones] == ["till"]
    database.close()


def test_a_database_of_a_later_version_is_refused(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseRefused, match="later version"):
        migrate(database, MONITORING)


def test_each_package_migrates_its_own_tables(database: Database, tmp_path: Path) -> None:
    """Another package's branch neither needs nor disturbs monitoring's, whichever release made that."""
    accounts = MigrationBranch(tmp_path / "versions", "alembic_version_accounts")
    accounts.versions.mkdir()
    (accounts.versions / "0001_first.py").write_text(REVISION.format(revision="0001", before=None, table="users"))
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    migrate(database, accounts)
    second = REVISION.format(revision="0002", before="'0001'", table="passwords")
    (accounts.versions / "0002_second.py").write_text(second)
    migrate(database, accounts)
    with database.read() as connection:
        assert {"users", "passwords", "events"} <= set(inspect(connection).get_table_names())
        assert applied_revision(connection, accounts) == "0002"
        assert applied_revision(connection, MONITORING) == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(database: Database, tmp_path: Path) -> None:
    broken = MigrationBranch(tmp_path / "versions", "alembic_version_broken")
    broken.versions.mkdir()
    text = (
        REVISION.format(revision="0001", before=None, table="half")
        + '    op.execute("INSERT INTO nowhere VALUES (1)")\n'
    )
    (broken.versions / "0001_first.py").write_text(text)
    with pytest.raises(DatabaseError, match="nowhere"):
        migrate(database, broken)
    with database.read() as connection:
        assert not {"half", "alembic_version_broken"} & set(inspect(connection).get_table_names())


def test_doctor_says_how_the_database_is(database_url: str, tmp_path: Path) -> None:
    settings = MonitorSettings(database_url=SecretStr(database_url))
    before = examine_database(settings, tmp_path)
    assert (before.verdict, "made" in before.detail) == ("ok", True)
    opened = Database(driver_url(database_url))
    migrate(opened, MONITORING)
    with opened.write() as connection:
        add_events(connection, [happened(1), happened(2)])
    newest = max(path.name[:4] for path in Path(versions.__file__).parent.glob("0*.py"))
    assert examine_database(settings, tmp_path).detail.endswith(f"version {newest}, 2 events")
    with opened.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    opened.close()
    assert "later version" in examine_database(settings, tmp_path).detail
    unreachable = MonitorSettings(database_url=SecretStr(f"postgresql://me:s3cret@127.0.0.1:{free_port()}/none"))
    found = examine_database(unreachable, tmp_path)
    assert found.verdict == "wrong" and "s3cret" not in found.detail


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "livesight.db"
    place.write_text("this is a letter, and no database")
    with pytest.raises((DatabaseRefused, DatabaseUnavailable), match="not a database"):
        migrate(Database(f"sqlite:///{place}"), MONITORING)
