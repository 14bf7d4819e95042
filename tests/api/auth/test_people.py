"""Signing in and out, accounts, and what guessing brings: over HTTP, on SQLite and PostgreSQL where it matters."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from sqlalchemy import select, update

from api.auth.people.errors import PasswordRefused
from api.auth.people.passwords import check_password, make_hash, matches, outdated
from api.auth.people.session_reader import PLAIN_COOKIE, SECURE_COOKIE
from api.auth.people.sign_in_throttle import Attempt, SignInThrottle
from api.auth.settings import AuthSettings, SessionSettings
from api.auth.tables import user_sessions, users
from tests.api.auth.running_accounts import ADMIN, PASSWORD, Accounts, running_accounts


@pytest.fixture
def service(accounts_url: str, tmp_path: Path) -> Iterator[Accounts]:
    auth = AuthSettings(
        mode="accounts",
        database_url=SecretStr(accounts_url),
        session=SessionSettings(cache_s=30),
        password_length=15,
    )
    with running_accounts(tmp_path / "state", auth) as running:
        yield running


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Accounts]:
    """On SQLite, and a login page behind a proxy that is trusted."""
    auth = AuthSettings.model_validate({"mode": "accounts", "trusted_proxies": ["127.0.0.0/8"]})
    with running_accounts(tmp_path / "state", auth) as running:
        yield running


def test_the_printed_link_makes_the_first_admin_once(service: Accounts) -> None:
    nobody = service.client()
    about = nobody.get("/v1/session").json()
    assert (about["setup"], about["password_length"]) == (True, 15)
    refused = nobody.get("/v1/users")
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:livesight:problem:unauthenticated")
    body = {"token": service.access.setup_token, "name": ADMIN, "password": "short"}
    assert nobody.post("/v1/setup", json=body).json()["type"].endswith("password-refused")
    assert nobody.post("/v1/setup", json=body | {"token": "x"}).status_code == 403, "the password is not looked at"
    admin = service.first_admin()
    who = admin.get("/v1/session").json()
    assert (who["signed_in"], who["name"], who["setup"]) == (True, ADMIN, False)
    assert {"accounts", "cameras", "pictures"} <= set(who["actions"])
    assert admin.get("/v1/users").status_code == 200
    assert nobody.post("/v1/setup", json=body | {"password": PASSWORD, "name": "Eve"}).status_code == 403
    more = [nobody.post("/v1/setup", json=body) for _ in range(10)]  # a minute's window may end meanwhile
    assert "urn:livesight:problem:rate-limited" in {answer.json()["type"] for answer in more}


def test_a_session_ends_at_once_and_its_token_is_nowhere_stored(service: Accounts) -> None:
    admin = service.first_admin()
    token = admin.cookies[PLAIN_COOKIE]
    with service.access.accounts.database.read() as connection:  # type: ignore[union-attr]
        stored = connection.execute(select(user_sessions)).mappings().all()
        hashed = connection.scalar(select(users.c.password_hash))
    assert [row["hash"] for row in stored] == [hashlib.sha256(token.encode()).digest()]
    assert len(token) >= 43 and hashed.startswith("$argon2id$")
    other = service.signed_in(ADMIN.upper())
    assert other.cookies[PLAIN_COOKIE] != token, "each sign-in has a session of its own"
    assert other.post("/v1/logout").status_code == 204
    other.cookies.set(PLAIN_COOKIE, token.swapcase())
    assert other.get("/v1/users").status_code == 401
    thief = service.client()
    thief.cookies.set(PLAIN_COOKIE, token)
    assert thief.get("/v1/users").status_code == 200
    assert admin.post("/v1/logout", json={"everywhere": True}).status_code == 204
    assert thief.get("/v1/users").status_code == 401, "though sessions are cached for 30 s here"
    assert thief.get("/v1/session").json()["signed_in"] is False, "the page to sign in at opens all the same"


def test_a_new_password_ends_the_other_sessions(service: Accounts) -> None:
    admin, other = service.first_admin(), service.signed_in()
    assert other.get("/v1/users").status_code == 200
    wrong = admin.post("/v1/session/password", json={"old": "wrong", "new": "another fine secret"})
    assert (wrong.status_code, wrong.json()["type"]) == (401, "urn:livesight:problem:sign-in-refused")
    answer = admin.post("/v1/session/password", json={"old": PASSWORD, "new": "another fine secret"})
    assert answer.status_code == 204
    assert admin.get("/v1/users").status_code == 200
    assert other.get("/v1/users").status_code == 401
    service.signed_in(password="another fine secret")


def test_of_two_new_passwords_at_a_time_one_counts(service: Accounts) -> None:
    browsers = [service.first_admin(), service.signed_in()]

    def change(browser: httpx.Client, new: str) -> int:
        return browser.post("/v1/session/password", json={"old": PASSWORD, "new": new}).status_code

    new = ["another fine secret", "yet another fine secret"]
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(change, browsers, new))
    assert sorted(answers)[0] == 204 and sorted(answers)[1] in (401, 409)
    service.signed_in(password=new[answers.index(204)])


def test_nobody_gives_rights_that_they_lack(service: Accounts) -> None:
    admin = service.first_admin()
    watch, everything = {"role": "viewer", "streams": ["gate-*"]}, [{"role": "admin"}]
    grants = [{"role": "admin", "actions": ["accounts"]}, watch]
    new = {"name": "Bo", "password": "seven green umbrellas", "grants": grants}
    assert admin.post("/v1/users", json=new).status_code == 201
    bo = service.signed_in("bo", "seven green umbrellas")
    cy = {"name": "Cy", "password": "nine yellow umbrellas", "grants": [watch]}
    made = bo.post("/v1/users", json=cy)
    assert made.status_code == 201, "no more than Bo has"
    mine, her = admin.get("/v1/session").json()["id"].removeprefix("user:"), made.json()["id"]
    for answer in (
        bo.post("/v1/users", json=cy | {"name": "Di", "grants": everything}),
        bo.post("/v1/users", json=cy | {"name": "Di", "grants": [{"role": "viewer"}]}),
        bo.patch(f"/v1/users/{her}", json={"grants": everything}),
        bo.patch(f"/v1/users/{mine}", json={"password": "eleven blue umbrellas"}),
        bo.post("/v1/service-accounts", json={"name": "di", "grants": everything}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:livesight:problem:forbidden")
        assert answer.json()["detail"].startswith("you may not do ")
    for answer in (
        bo.patch(f"/v1/users/{mine}", json={"disabled": True}),
        bo.patch(f"/v1/users/{mine}", json={"grants": [watch]}),
        bo.delete(f"/v1/users/{mine}"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:livesight:problem:forbidden")
        assert answer.json()["detail"].endswith("as this account may; ask somebody who may")
    assert bo.patch(f"/v1/users/{her}", json={"password": "eleven blue umbrellas"}).status_code == 200
    assert bo.patch(f"/v1/users/{her}", json={"grants": [watch | {"streams": ["gate-1"]}]}).status_code == 200
    assert bo.patch(f"/v1/users/{her}", json={"disabled": True}).status_code == 200
    assert {user["name"] for user in admin.get("/v1/users").json()["users"]} == {ADMIN, "Bo", "Cy"}


def test_admins_manage_accounts_and_one_of_them_stays(service: Accounts) -> None:
    admin = service.first_admin()
    new = {"name": "Bo", "password": "seven green umbrellas", "grants": [{"role": "viewer", "streams": ["gate-*"]}]}
    made = admin.post("/v1/users", json=new)
    bo = made.json()["id"]
    assert (made.status_code, "hash" in made.text, made.json()["grants"][0]["streams"]) == (201, False, ["gate-*"])
    assert admin.post("/v1/users", json=new | {"name": "BO"}).status_code == 409
    watching = service.signed_in("bo", new["password"])  # type: ignore[arg-type]
    assert watching.get("/v1/users").status_code == 403
    me = admin.get("/v1/session").json()["id"].removeprefix("user:")
    less = ({"role": "operator"}, {"role": "admin", "streams": ["gate-*"]}, {"role": "admin", "actions": ["accounts"]})
    for changes in ({"disabled": True}, *({"grants": [grant]} for grant in less)):
        assert admin.patch(f"/v1/users/{me}", json=changes).json()["type"].endswith("last-admin")
    assert admin.delete(f"/v1/users/{me}").status_code == 409
    assert admin.patch(f"/v1/users/{bo}", json={"grants": [{"role": "admin"}]}).status_code == 200
    assert watching.get("/v1/users").status_code == 200, "a changed grant holds at once"
    assert admin.patch(f"/v1/users/{bo}", json={"disabled": True}).json()["disabled"] is True
    assert watching.get("/v1/users").status_code == 401
    refused = service.client().post("/v1/login", json={"name": "Bo", "password": new["password"]})
    assert refused.json()["detail"] == "name or password is wrong, or the account is disabled"
    assert admin.delete(f"/v1/users/{bo}").status_code == 204
    assert admin.delete(f"/v1/users/{bo}").status_code == 404
    assert [user["name"] for user in admin.get("/v1/users").json()["users"]] == [ADMIN]


def test_a_session_ends_when_it_is_idle_or_old(tmp_path: Path) -> None:
    settings = SessionSettings(idle_s=60, absolute_s=3600, cache_s=0)
    with running_accounts(tmp_path, AuthSettings(mode="accounts", session=settings)) as service:
        admin = service.first_admin()
        other = service.signed_in()
        sessions = select(user_sessions.c.id, user_sessions.c.seen_ns).order_by(user_sessions.c.created_ns)
        with service.access.accounts.database.write() as connection:  # type: ignore[union-attr]
            (first, seen_ns), (second, _) = connection.execute(sessions).all()
            idle = update(user_sessions).where(user_sessions.c.id == first)
            connection.execute(idle.values(seen_ns=seen_ns - 61 * 10**9))
            connection.execute(update(user_sessions).where(user_sessions.c.id == second).values(ends_ns=seen_ns))
        assert [client.get("/v1/users").status_code for client in (admin, other)] == [401, 401]


def test_guessing_is_slowed_down_and_tells_nothing(alone: Accounts) -> None:
    alone.first_admin()
    at_home = alone.signed_in()
    eve = alone.client()
    answers: dict[str, list[httpx.Response]] = {}
    for name in (ADMIN, "nobody"):
        for guess in range(12):  # a slow machine lets some of the shorter waits pass
            headers = {"x-forwarded-for": f"198.51.100.{guess}"}
            body = {"name": name, "password": f"guess number {guess}"}
            answers.setdefault(name, []).append(eve.post("/v1/login", json=body, headers=headers))
            if answers[name][-1].status_code == 429:
                break
        assert [answer.status_code for answer in answers[name]][:3] == [401, 401, 401]
        assert answers[name][-1].json()["type"] == "urn:livesight:problem:too-many-attempts"
        assert 1 <= int(answers[name][-1].headers["retry-after"]) <= 60
    assert answers[ADMIN][0].json() == answers["nobody"][0].json()
    again = at_home.post("/v1/login", json={"name": ADMIN, "password": PASSWORD})
    assert again.status_code == 200, "others' guesses keep nobody out who has signed in from this address before"


def test_waits_double_and_end() -> None:
    now_s = 0.0
    throttle = SignInThrottle(lambda: now_s)
    attempt, waits = Attempt("ada", "198.51.100.1"), []
    for _ in range(12):
        while (wait_s := throttle.begin(attempt)) > 0:
            waits.append(wait_s)
            now_s += wait_s
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert throttle.begin(Attempt("bo", "198.51.100.1")) > 0, "an address that tries many names waits too"
    assert throttle.begin(Attempt("bo", "198.51.100.2")) == 0
    throttle.succeeded(Attempt("bo", "198.51.100.2"))
    now_s += 901
    assert throttle.begin(attempt) == 0, "forgotten"


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "aaaaaaaaaaaaaaaa",
        "123456789012",
        "qwertyuiopasdf",
        "Ada-Ada-Ada-Ada",
        "Password1234",
        "x" * 2000,
        "football12345",
        "liverpool2024",
    ],
)
def test_easily_guessed_passwords_are_refused(password: str) -> None:
    with pytest.raises(PasswordRefused):
        check_password(password, "ada", 12)


def test_no_password_takes_long_to_estimate() -> None:
    symbols = "4@8({[<369&#!1/|0$5+7%2"
    began_s = time.thread_time()
    check_password(symbols * 44, "ada", 12)
    assert time.thread_time() - began_s < 1, "zxcvbn looks words up in each way to read the symbols as letters"
    with pytest.raises(PasswordRefused):
        check_password("P@ssw0rd1234", "ada", 12)


def test_passwords_of_any_letters_are_taken_and_hashed_anew_when_that_changes() -> None:
    check_password("drei grüne Schirme", "ada", 12)
    stored = make_hash("drei gru\u0308ne Schirme")
    assert matches(stored, "drei grüne Schirme") and not matches(stored, "drei grune Schirme")
    assert not matches(None, "drei grüne Schirme") and not outdated(stored)
    assert outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x"))


def test_cookies_are_bound_to_tls_where_there_is_tls(alone: Accounts) -> None:
    alone.first_admin()
    behind = alone.client()
    body = {"name": ADMIN, "password": PASSWORD}
    answer = behind.post("/v1/login", json=body, headers={"x-forwarded-proto": "https"})
    (name, cookie), *_ = SimpleCookie(answer.headers["set-cookie"]).items()
    assert (name, cookie["path"], cookie["domain"]) == (SECURE_COOKIE, "/", "")
    assert cookie["secure"] and cookie["httponly"] and cookie["samesite"].lower() == "lax"
    plain = behind.post("/v1/login", json=body)
    (name, cookie), *_ = SimpleCookie(plain.headers["set-cookie"]).items()
    assert (name, cookie["secure"], cookie["httponly"]) == (PLAIN_COOKIE, "", True)
    token = answer.cookies[SECURE_COOKIE]
    toss = {"cookie": f"{PLAIN_COOKIE}={token}", "x-forwarded-proto": "https"}
    assert (alone.client().get("/v1/users", headers=toss)).status_code == 401, "a neighbouring host's cookie"


def test_proxies_are_believed_only_when_they_are_listed(tmp_path: Path) -> None:
    with running_accounts(tmp_path, AuthSettings(mode="accounts")) as service:
        service.first_admin()
        body = {"name": ADMIN, "password": PASSWORD}
        headers = {"x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.7"}
        answer = service.client().post("/v1/login", json=body, headers=headers)
        assert "secure" not in answer.headers["set-cookie"].lower()
        with service.access.accounts.database.read() as connection:  # type: ignore[union-attr]
            assert set(connection.scalars(select(user_sessions.c.address))) == {"127.0.0.1"}


@pytest.mark.parametrize("path", ["/v1/login", "/v1/logout", "/v1/users", "/v1/session/password", "/v1/setup"])
def test_a_foreign_page_changes_nothing(alone: Accounts, path: str) -> None:
    admin = alone.first_admin()
    for origin in ("https://evil.example", "null"):
        answer = admin.post(path, content=b"{}", headers={"origin": origin, "content-type": "text/plain"})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:livesight:problem:origin-refused")
    assert admin.get("/v1/users").status_code == 200
    form = admin.post(path, content=b"name=Ada&password=x", headers={"content-type": "text/plain"})
    assert form.status_code == 415, "what a form can send is no JSON"
