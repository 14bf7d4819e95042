"""Apache Kafka's jars: of `KAFKA_HOME`, or fetched by Maven (`pom.xml`) into the user's cache.

Beside them lies what is made once, so that brokers start fast. `python -m tests.peers.kafka_jars` does all of that
(`make peers`). Any process: a lock on the folder lets one prepare while the others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
CLUSTER_ID = "bGl2ZXNpZ2h0LXRlc3RzLQ"  # 16 bytes in Base64; one that begins with "-" would be taken for an option
FETCH_S = 120.0
MEMORY = "-Xmx256m"
# The first compiler alone, and a collector without threads of its own: a broker of a test lives for seconds.
JVM = (MEMORY, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xlog:cds=off", "-Xlog:cds+dynamic=off")
LOG = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",  # says when it has started
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)


class Unavailable(Exception):
    """Apache Kafka cannot run here; the message says why."""


@dataclass(frozen=True)
class Jars:
    """What a broker is started from. `folder` holds what is made once: formatted log folders, an archive of classes."""

    java: str
    libs: Path
    folder: Path
    version: str

    def command(self, program: str, *arguments: str, archive: bool = True) -> list[str]:
        """The command line of one of Kafka's programs."""
        shared = [f"-XX:SharedArchiveFile={self.archive}"] if archive and self.archive.exists() else []
        return [self.java, *JVM, *LOG, *shared, "-cp", f"{self.libs}/*", program, *arguments]

    @property
    def archive(self) -> Path:
        """The classes of a started broker, as this Java maps them into memory: 0.7 s to start instead of 2.2."""
        java = Path(self.java).resolve()
        made = hashlib.sha256(f"{java} {java.stat().st_mtime_ns} {self.libs} {JVM}".encode()).hexdigest()[:12]
        return self.folder / f"classes-{made}.jsa"

    def formatted(self, node_id: int, users: Mapping[str, str]) -> Path:
        """A formatted log folder to copy, with users (name → password) for SCRAM. Made once."""
        known = hashlib.sha256(repr(sorted(users.items())).encode()).hexdigest()[:12]
        target = self.folder / f"formatted-{node_id}-{known}"
        made_once(target, lambda folder: self._format(folder, node_id, users))
        return target

    def _format(self, folder: Path, node_id: int, users: Mapping[str, str]) -> None:
        folder.mkdir()
        with tempfile.NamedTemporaryFile("w", suffix=".properties") as file:
            voters = {1, node_id}
            lines = {
                "process.roles": "broker,controller",
                "node.id": str(node_id),
                "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
                "controller.listener.names": "CONTROLLER",
                "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                "controller.quorum.voters": ",".join(f"{voter}@127.0.0.1:{9092 + voter}" for voter in voters),
                "log.dirs": str(folder),
            }
            file.writelines(f"{key}={value}\n" for key, value in lines.items())
            file.flush()
            added = [
                part
                for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
                for name, password in users.items()
                for part in ("--add-scram", f"{mechanism}=[name={name},password={password}]")
            ]
            run(self.command("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", file.name, *added))


@cache
def find(fetch: bool = True) -> Jars:
    """Apache Kafka, fetched when it is not there yet. Raises Unavailable, saying what is missing."""
    java = shutil.which("java", path=_java_path())
    if java is None:
        raise Unavailable("there is no Java")
    home = os.environ.get("KAFKA_HOME")
    libs = Path(home) / "libs" if home else None
    try:
        kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livesight-tests"
        if libs is None:
            libs = kept / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
            if not libs.exists():
                _fetch(libs, fetch)
        version = _version(libs)
        folder = kept / f"made-{version}"
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{error.filename}: {error.strerror}") from error
    return Jars(java, libs, folder, version)


def wanted_version() -> str:
    """The version that `pom.xml` names."""
    found = re.search(r"<artifactId>kafka_2\.13</artifactId>\s*<version>([^<]+)</version>", POM.read_text())
    assert found is not None, "pom.xml names no kafka_2.13"
    return found[1]


def made_once(target: Path, make: Callable[[Path], None]) -> None:
    """Have `make(path)` make a file or a folder, unless it is there; whole or not at all, by one process at a time."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent / ".lock"):
        if target.exists():
            return
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
            half = Path(folder) / target.name
            make(half)
            half.replace(target)


def run(command: list[str], timeout_s: float = 60.0) -> None:
    """Run a program to its end. Raises Unavailable with the last of what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd="/")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or [f"ended with {done.returncode}"]
        raise Unavailable(f"{Path(command[0]).name}: {next((s for s in said if 'ERROR' in s), said[-1])[:200]}")


def _java_path() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return f"{home}/bin{os.pathsep}{os.environ.get('PATH', '')}" if home else None


def _fetch(libs: Path, allowed: bool) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("there is no Maven to fetch it with, and KAFKA_HOME is not set")
    if not allowed:
        raise Unavailable("it was not fetched; `make peers` does that")
    command = [maven, "-B", "-q", "-f", str(POM), "dependency:copy-dependencies"]
    made_once(libs, lambda folder: run([*command, f"-DoutputDirectory={folder}"], FETCH_S))


def _version(libs: Path) -> str:
    core = sorted(libs.glob("kafka_2.*-*.jar"))
    if not core:
        raise Unavailable(f"there is no kafka_2.*.jar in {libs}")
    return core[-1].stem.rpartition("-")[2]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Fetch, format and archive; one line says what came of it. Exit code 0 in any case: tests do without."""
    from tests.peers.apache_kafka import write_archive

    try:
        jars = find()
        jars.formatted(1, {})
        write_archive(jars)
    except Unavailable as reason:
        sys.stdout.write(f"Apache Kafka cannot be used: {reason}. The tests' broker will be Tansu.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
