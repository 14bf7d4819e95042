"""Signing in at a provider: what counts, and what is refused. Over HTTP, against a provider in this process."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import ValidationError
from sqlalchemy import select

from api.auth.oidc.settings import OidcSettings
from api.auth.settings import AuthSettings
from api.auth.tables import oidc_sessions
from tests.api.auth.oidc.conftest import Signing, oidc_settings, who
from tests.api.auth.running_accounts import running_accounts
from tests.peers.oidc_provider import OidcProvider

Forge = Callable[[dict[str, Any], dict[str, Any]], str | None]


def test_groups_decide_and_the_same_subject_is_the_same_account(signing: Signing) -> None:
    ada = signing.signed_in("ada", "/?a=b#/users")
    me = who(ada)
    assert (me["signed_in"], me["name"], [grant["role"] for grant in me["grants"]]) == (True, "ada", ["admin"])
    kept = [(cookie.name, sorted(cookie._rest)) for cookie in ada.cookies.jar]  # type: ignore[attr-defined]
    assert kept == [("livesight", ["HttpOnly", "SameSite"])], "the cookie of the way is gone"
    bo = signing.signed_in("bo")
    assert who(bo)["grants"] == [{"role": "viewer", "streams": ["yard"], "actions": None}]
    assert bo.get("/v1/users").status_code == 403
    signing.provider.users["bo"].groups = ["bosses", "watchers"]
    signing.provider.users["robert"] = signing.provider.users["bo"]
    again = signing.signed_in("robert")
    assert (who(again)["id"], who(again)["name"]) == (who(bo)["id"], "bo"), "the subject is what counts"
    assert bo.get("/v1/users").status_code == 200, "what the groups allow now holds in all sessions"
    kinds = [(user["name"], user["has_password"]) for user in ada.get("/v1/users").json()["users"]]
    assert kinds == [("ada", False), ("bo", False)]
    change = {"grants": [{"role": "admin"}]}
    refused = ada.patch(f"/v1/users/{who(bo)['id'].removeprefix('user:')}", json=change)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:livesight:problem:grants-from-provider")


def test_tokens_at_rest_are_sealed(signing: Signing) -> None:
    signing.signed_in("ada")
    with signing.service.access.accounts.database.read() as connection:  # type: ignore[union-attr]
        row = connection.execute(select(oidc_sessions)).mappings().one()
    assert row["subject"] == "subject-ada" and row["sid"] in signing.provider.sessions
    assert not any(token in row["sealed"] for token in signing.provider._tokens)
    kept = signing.service.access.provider.sign_ins.tokens.open(row["sealed"])  # type: ignore[union-attr]
    assert kept is not None and kept["refresh_token"] in signing.provider._tokens


def test_who_is_in_no_group_is_refused(signing: Signing) -> None:
    client = signing.service.client()
    back = signing.come_back(client, "eve")
    assert (back.status_code, back.headers["location"]) == (303, "/?sign-in=no-group")
    assert who(client)["signed_in"] is False
    admin = signing.signed_in("ada")
    assert [user["name"] for user in admin.get("/v1/users").json()["users"]] == ["ada"], "it made no account"
    assert "prompt=login" in client.get("/v1/oidc/login?again=true").headers["location"]


def test_a_local_account_of_the_same_name_is_not_taken_over(signing: Signing) -> None:
    local = signing.service.first_admin()
    signing.provider.users["Ada"] = signing.provider.users["bo"]
    stranger = signing.signed_in("Ada")
    assert (who(stranger)["name"], who(stranger)["id"] != who(local)["id"]) == ("Ada (127.0.0.1)", True)
    own, other = (who(client)["id"].removeprefix("user:") for client in (local, stranger))
    linked = local.patch(f"/v1/users/{own}", json={"oidc_subject": "subject-bo"})
    assert (linked.status_code, linked.json()["type"]) == (409, "urn:livesight:problem:subject-refused")
    assert local.delete(f"/v1/users/{other}").status_code == 204
    assert who(stranger)["signed_in"] is False
    signing.provider.users["Ada"].groups = ["bosses"]
    assert local.patch(f"/v1/users/{own}", json={"oidc_subject": "subject-bo"}).json()["oidc_subject"] == "subject-bo"
    assert who(signing.signed_in("Ada"))["id"] == who(local)["id"], "an admin linked them"
    assert local.patch(f"/v1/users/{own}", json={"oidc_subject": ""}).json()["oidc_subject"] is None
    assert who(signing.signed_in("Ada"))["id"] != who(local)["id"]


def test_a_disabled_account_stays_out(signing: Signing) -> None:
    admin, bo = signing.signed_in("ada"), signing.signed_in("bo")
    user_id = who(bo)["id"].removeprefix("user:")
    assert admin.patch(f"/v1/users/{user_id}", json={"disabled": True}).status_code == 200
    assert who(bo)["signed_in"] is False
    assert signing.come_back(bo, "bo").headers["location"] == "/?sign-in=disabled"


def changed(**changes: Any) -> Forge:
    """Signed well, with other claims; None leaves one out."""

    def forge(header: dict[str, Any], claims: dict[str, Any]) -> str | None:
        claims |= changes
        for name in [name for name, value in changes.items() if value is None]:
            del claims[name]
        return None

    return forge


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def tampered(provider: OidcProvider) -> Forge:
    def forge(header: dict[str, Any], claims: dict[str, Any]) -> str:
        head, _, signature = provider.signed(claims).split(".")
        return f"{head}.{encoded(claims | {'groups': ['bosses']})}.{signature}"

    return forge


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join(map(encoded, ({"alg": "none", "kid": header["kid"]}, claims))) + "."


def signed_by(key: Any, **changes: Any) -> Callable[[dict[str, Any], dict[str, Any]], str]:
    return lambda header, claims: jwt.encode(header | changes, claims, key, algorithms=["RS256"])


def hmac_of_public_key(provider: OidcProvider) -> Forge:
    def forge(header: dict[str, Any], claims: dict[str, Any]) -> str:
        signed = ".".join(map(encoded, (header | {"alg": "HS256"}, claims)))
        digest = hmac.digest(provider.key.as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    return forge


NOW = time.time()
FORGERIES: dict[str, Callable[[OidcProvider], Forge]] = {
    "tampered": tampered,
    "unsigned": lambda provider: unsigned,
    "another key under the same id": lambda provider: signed_by(RSAKey.generate_key(2048)),
    "an unknown key": lambda provider: signed_by(RSAKey.generate_key(2048), kid="unknown"),
    "an HMAC with the public key": hmac_of_public_key,
    "another nonce": lambda provider: changed(nonce="another"),
    "no nonce": lambda provider: changed(nonce=None),
    "for somebody else": lambda provider: changed(aud="another"),
    "for several, of nobody": lambda provider: changed(aud=["livesight", "another"], azp=None),
    "of another party": lambda provider: changed(azp="another"),
    "another issuer": lambda provider: changed(iss="https://evil.example"),
    "expired": lambda provider: changed(exp=int(NOW) - 60),
    "never expires": lambda provider: changed(exp=None),
    "from the future": lambda provider: changed(iat=int(NOW) + 3600),
    "of another access token": lambda provider: changed(
        at_hash=base64.urlsafe_b64encode(b"x" * 16).decode().rstrip("=")
    ),
    "nobody": lambda provider: changed(sub=""),
    "no token at all": lambda provider: lambda header, claims: "x.y.z",
}


def test_forged_tokens_sign_nobody_in(signing: Signing) -> None:
    client = signing.service.client()
    for name, forgery in FORGERIES.items():
        signing.provider.forge = forgery(signing.provider)
        back = signing.come_back(client, "ada")
        assert back.headers["location"] == "/?sign-in=failed", name
        assert who(client)["signed_in"] is False, name
    signing.provider.forge = lambda header, claims: None
    assert signing.come_back(client, "ada").headers["location"] == "/"


def keep(client: httpx.Client, sealed: str) -> None:
    """Have the browser send that cookie."""
    client.cookies.clear()
    client.cookies.set("livesight-oidc", sealed, "127.0.0.1", "/")


def test_a_way_back_counts_once_and_in_its_browser(signing: Signing) -> None:
    signing.provider.user = "ada"
    client, thief = signing.service.client(), signing.service.client()
    back = signing.to_provider(client)
    sealed = client.cookies["livesight-oidc"]
    assert thief.get(back).headers["location"] == "/?sign-in=expired", "another browser has no cookie"
    signing.to_provider(thief)
    assert thief.get(back).headers["location"] == "/?sign-in=expired", "or one of another sign-in"
    assert client.get(back.replace("state=", "state=x")).headers["location"] == "/?sign-in=expired"
    keep(client, sealed)
    wrong = back.replace(urlsplit(signing.provider.issuer).netloc.replace(":", "%3A"), "evil.example")
    assert wrong != back
    assert client.get(wrong).headers["location"] == "/?sign-in=failed", "the answer is of another issuer"

    back = signing.to_provider(client)
    sealed = client.cookies["livesight-oidc"]
    assert client.get(back).headers["location"] == "/"
    keep(thief, sealed)
    assert thief.get(back).headers["location"] == "/?sign-in=expired", "state and cookie count once"
    signing.to_provider(thief)
    state = parse_qs(urlsplit(thief.get("/v1/oidc/login").headers["location"]).query)["state"][0]
    code = parse_qs(urlsplit(back).query)["code"][0]
    replayed = {"state": state, "code": code, "iss": signing.provider.issuer}
    assert thief.get("/v1/oidc/callback", params=replayed).headers["location"] == "/?sign-in=failed", "and so a code"


def test_the_code_of_another_sign_in_fails_by_its_verifier(signing: Signing) -> None:
    """What an attacker puts into a victim's address: a code of his own, with the victim's state."""
    signing.provider.user = "ada"
    victim, attacker = signing.service.client(), signing.service.client()
    own, foreign = signing.to_provider(victim), signing.to_provider(attacker)
    query = {name: values[0] for name, values in parse_qs(urlsplit(own).query).items()}
    query["code"] = parse_qs(urlsplit(foreign).query)["code"][0]
    assert victim.get("/v1/oidc/callback", params=query).headers["location"] == "/?sign-in=failed"


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/\t/evil.example", "/a\r\nx: y"]
)
def test_the_way_back_stays_on_this_service(signing: Signing, to: str) -> None:
    assert signing.service.client().get("/v1/oidc/login", params={"to": to}).status_code == 422


def test_cancelled_and_away_are_told_and_passwords_go_on(signing: Signing) -> None:
    client = signing.service.client()
    assert signing.come_back(client, "").headers["location"] == "/?sign-in=cancelled"
    signing.provider.user = "ada"
    back = signing.to_provider(client)
    signing.provider.away = True
    assert client.get(back).headers["location"] == "/?sign-in=away"
    assert any("auth.oidc" in problem for problem in signing.service.access.problems())
    signing.service.first_admin()
    assert who(signing.service.signed_in())["signed_in"] is True
    signing.provider.away = False
    signing.signed_in("bo")
    assert signing.service.access.problems() == []


def test_a_provider_that_was_never_there_is_told(provider: OidcProvider, tmp_path: Path) -> None:
    provider.away = True
    with running_accounts(tmp_path / "state", oidc_settings(provider)) as service:
        client = service.client()
        assert client.get("/v1/oidc/login").headers["location"] == "/?sign-in=away"
        provider.away = False
        assert client.get("/v1/oidc/login").headers["location"].startswith(provider.issuer)


def test_keys_may_change_and_are_not_fetched_for_everybody(signing: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.auth.oidc.provider._KEYS_AGAIN_S", 0.0)
    signing.signed_in("ada")
    signing.signed_in("bo")
    assert signing.provider.asked.count("/keys") == 1
    signing.provider.rotate()
    signing.signed_in("ada")
    assert signing.provider.asked.count("/keys") == 2
    monkeypatch.setattr("api.auth.oidc.provider._KEYS_AGAIN_S", 60.0)
    signing.provider.rotate()
    for _ in range(5):
        signing.service.client().post("/v1/oidc/logout", data={"logout_token": signing.provider.logout_token(sub="x")})
    assert signing.provider.asked.count("/keys") == 2, "whoever sends tokens makes us ask at no will"


def test_groups_of_userinfo_and_from_deep_inside(provider: OidcProvider, tmp_path: Path) -> None:
    provider.groups_in = "userinfo"
    with running_accounts(tmp_path / "state", oidc_settings(provider)) as service:
        assert who(Signing(service, provider).signed_in("bo"))["grants"][0]["role"] == "viewer"
    provider.groups_in = "id_token"
    provider.forge = changed(realm_access={"roles": ["bosses"]})
    auth = oidc_settings(provider, groups_claim="realm_access.roles")
    with running_accounts(tmp_path / "state", auth) as service:
        assert who(Signing(service, provider).signed_in("bo"))["grants"][0]["role"] == "admin"


def test_without_passwords_only_the_provider_is_left(provider: OidcProvider, tmp_path: Path) -> None:
    auth = oidc_settings(provider, label="the house").model_copy(update={"password_sign_in": False})
    with running_accounts(tmp_path / "state", auth) as service:
        client = service.client()
        nobody = who(client)
        assert (nobody["setup"], nobody["password_sign_in"], nobody["provider"]) == (False, False, "the house")
        refused = client.post("/v1/login", json={"name": "ada", "password": "correct horse battery"})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:livesight:problem:password-sign-in-off")
        Signing(service, provider).signed_in("ada")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer": "http://keycloak.example"}, "https"),
        ({"issuer": "https://user:password@keycloak.example"}, "https"),
        ({"public_url": "https://cameras.example/sub"}, "https://host"),
        ({"groups": {}}, "groups"),
        ({"groups": {"a": []}}, "groups"),
        ({"scopes": ["profile"]}, "openid"),
        ({"client_secret_file": "/x"}, "one of them"),
        ({"recheck_s": float("inf")}, "recheck_s"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: dict[str, Any], said: str) -> None:
    whole = {
        "issuer": "https://k.example",
        "client_id": "l",
        "client_secret": "s",
        "groups": {"a": [{"role": "admin"}]},
    }
    OidcSettings.model_validate(whole)
    with pytest.raises(ValidationError, match=said):
        OidcSettings.model_validate(whole | changes)
    with pytest.raises(ValidationError, match="mode to accounts"):
        AuthSettings.model_validate({"oidc": whole})
    with pytest.raises(ValidationError, match="password_sign_in"):
        AuthSettings.model_validate({"mode": "accounts", "password_sign_in": False})
