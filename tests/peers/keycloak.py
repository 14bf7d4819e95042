"""Keycloak itself, by Java, fetched from Maven once into the user's cache. Any one thread.

It starts in some 20 s and takes half a gigabyte, hence `make test-oidc` and not `make test`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx

from tests.peers.kafka_jars import Unavailable, made_once, run
from tests.peers.ports import free_port

VERSION = "26.0.0"
REALM, CLIENT, SECRET = "house", "livesight", "the client's secret"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_IMPORTED = Path(__file__).with_name("keycloak-realm.json")
_BUILT_FOR = ("--db=dev-file",)
_FETCH_S, _START_S = 400.0, 480.0
_ADMIN = "admin"
_QUICK = {"JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1"}  # the first compiler alone: it serves for a minute


def find() -> Path:
    """Keycloak's folder, fetched when it is not there yet. Raises Unavailable, saying what is missing."""
    if shutil.which("java") is None:
        raise Unavailable("there is no Java")
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livesight-tests"
    folder = kept / f"keycloak-{VERSION}"
    made_once(folder, _fetch)
    return folder


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("there is no Maven to fetch it with")
    copied = folder.parent / "copied"
    run([maven, "-B", "-q", "dependency:get", f"-Dartifact={_ARTIFACT}", "-Dtransitive=false"], _FETCH_S)
    run([maven, "-B", "-q", "dependency:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={copied}"], _FETCH_S)
    with zipfile.ZipFile(next(copied.glob("*.zip"))) as archive:
        archive.extractall(folder.parent)  # a folder of the very name
    shutil.rmtree(copied)
    (folder / "bin" / "kc.sh").chmod(0o755)
    run([str(folder / "bin" / "kc.sh"), "build", *_BUILT_FOR], _FETCH_S)  # once, not at each start


class Keycloak:
    """A context manager. In the realm `house` are ada, of the group managers, and bo, of none; passwords: "ada's
    password" and so on. Its only client is the service at `client_url`.
    """

    def __init__(self, client_url: str) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.issuer = f"{self.url}/realms/{REALM}"
        self._client_url = client_url

    def __enter__(self) -> Keycloak:
        """Raises Unavailable; RuntimeError with its log when it does not start."""
        program = find()
        self._folder = tempfile.TemporaryDirectory(prefix="livesight-keycloak-")
        home = Path(self._folder.name) / "keycloak"
        shutil.copytree(program, home)  # it writes into its own folder
        (home / "data" / "import").mkdir(parents=True)
        realm = _IMPORTED.read_text().replace("@URL@", self._client_url)
        (home / "data" / "import" / f"{REALM}-realm.json").write_text(realm)
        self._log_path = Path(self._folder.name) / "log"
        admin = {"KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN}
        options = ("--import-realm", "--http-enabled=true", "--http-host=127.0.0.1", f"--http-port={self._port}")
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [home / "bin" / "kc.sh", "start", "--optimized", "--hostname-strict=false", "--cache=local", *options],
                env={**os.environ, **admin, "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx400m", **_QUICK},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        for number, wait_s in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
            try:
                os.killpg(self._process.pid, number)  # its own: the script and Java
                self._process.wait(wait_s)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait(5)
        self._folder.cleanup()

    def log(self) -> str:
        """The last of what it said."""
        return self._log_path.read_text(errors="replace")[-4000:]

    def user_id(self, name: str) -> str:
        """Of a user, by which the others below are called."""
        return str(self._admin("GET", f"/users?exact=true&username={name}").json()[0]["id"])

    def set_group(self, name: str, group: str, member: bool) -> None:
        """Into a group, or out of it."""
        groups = {one["name"]: one["id"] for one in self._admin("GET", "/groups").json()}
        self._admin("PUT" if member else "DELETE", f"/users/{self.user_id(name)}/groups/{groups[group]}")

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Whether the user may sign in."""
        self._admin("PUT", f"/users/{self.user_id(name)}", {"enabled": enabled})

    def sign_out(self, name: str) -> None:
        """End all of the user's sessions, as an admin does in the console."""
        self._admin("POST", f"/users/{self.user_id(name)}/logout")

    def sessions(self, name: str) -> int:
        """How many the user has."""
        return len(self._admin("GET", f"/users/{self.user_id(name)}/sessions").json())

    def _admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": _ADMIN, "password": _ADMIN}
        token = httpx.post(f"{self.url}/realms/master/protocol/openid-connect/token", data=form, timeout=30).json()
        headers = {"authorization": f"Bearer {token['access_token']}"}
        url = f"{self.url}/admin/realms/{REALM}{path}"
        answer = httpx.request(method, url, headers=headers, json=body, timeout=30)
        return answer.raise_for_status()

    def _wait(self) -> None:
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                raise RuntimeError(f"Keycloak ended with {self._process.returncode}:\n{self.log()}")
            try:
                if httpx.get(f"{self.issuer}/.well-known/openid-configuration", timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.25)
        raise RuntimeError(f"Keycloak does not answer:\n{self.log()}")
