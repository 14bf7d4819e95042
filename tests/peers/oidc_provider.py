"""A small OpenID Connect provider: discovery, keys, codes with PKCE, refresh, userinfo, log-out. In its own thread.

It signs whoever `user` names in without asking. What a test wants wrong, it sets: `forge` makes ID tokens otherwise,
`away` answers 503, `rotate` changes the key. Strict where a client could cheat: a code counts once, for its client,
redirect URI and verifier.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "livesight", "the client's secret"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class ProviderUser:
    """An account there."""

    subject: str
    groups: list[str]
    enabled: bool = True


@dataclass
class _Grant:
    """What a code or a refresh token stands for."""

    user: str
    sid: str
    query: dict[str, str] = field(default_factory=dict)


class OidcProvider:
    """A context manager. `issuer` is its address."""

    def __init__(self) -> None:
        self.users: dict[str, ProviderUser] = {}
        self.user = ""
        self.away = False
        self.refreshes = True
        self.groups_in = "id_token"
        self.forge: Callable[[dict[str, Any], dict[str, Any]], str | None] = lambda header, claims: None
        self.asked: list[str] = []
        self.sessions: dict[str, str] = {}
        self.issuer = ""
        self._codes: dict[str, _Grant] = {}
        self._tokens: dict[str, _Grant] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.rotate()

    def __enter__(self) -> OidcProvider:
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="provider", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def rotate(self) -> None:
        """Sign with another key from now on; the old one is forgotten."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})

    def signed(self, claims: dict[str, Any], **header: str) -> str:
        """With the key of now."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid, **header}, claims, self.key)

    def logout_token(self, **changes: Any) -> str:
        """As a provider sends it when somebody signs out there; None leaves a claim out."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": secrets.token_hex(8)}
        claims |= {"events": {LOGOUT_EVENT: {}}} | changes
        return self.signed({name: value for name, value in claims.items() if value is not None}, typ="logout+jwt")

    def answer(self, method: str, target: str, body: bytes, authorization: str) -> Answer:
        """Of a request."""
        parts = urlsplit(target)
        self.asked.append(parts.path)
        if self.away:
            return 503, {}, b"away"
        query = dict(parse_qsl(parts.query))
        if parts.path == "/.well-known/openid-configuration":
            return _json(self._discovery())
        if parts.path == "/keys":
            return _json({"keys": [self.key.as_dict(private=False)]})
        if parts.path == "/authorize":
            return self._authorize(query)
        if parts.path == "/token" and method == "POST":
            return self._token({name: value[0] for name, value in parse_qs(body.decode()).items()}, authorization)
        if parts.path == "/userinfo":
            grant = self._tokens.get(authorization.removeprefix("Bearer "))
            return (401, {}, b"") if grant is None or grant.sid not in self.sessions else _json(self._info(grant))
        if parts.path == "/logout":
            claims = jwt.decode(query["id_token_hint"], self.key).claims
            self.sessions.pop(claims["sid"], None)
            return 302, {"location": query["post_logout_redirect_uri"]}, b""
        return 404, {}, b""

    def _discovery(self) -> dict[str, Any]:
        places = {"authorization": "authorize", "token": "token", "userinfo": "userinfo", "end_session": "logout"}
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
            **{f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in places.items()},
        }

    def _authorize(self, query: dict[str, str]) -> Answer:
        assert query["client_id"] == CLIENT and query["response_type"] == "code", query
        assert query["code_challenge_method"] == "S256" and len(query["code_challenge"]) == 43, query
        assert query["redirect_uri"].endswith("/v1/oidc/callback"), query
        assert "openid" in query["scope"].split() and len(query["nonce"]) >= 43 <= len(query["state"]), query
        back = {"state": query["state"], "iss": self.issuer}
        if not self.user:
            return 302, {"location": f"{query['redirect_uri']}?{urlencode(back | {'error': 'access_denied'})}"}, b""
        code, sid = secrets.token_urlsafe(16), secrets.token_hex(8)
        self.sessions[sid] = self.user
        self._codes[code] = _Grant(self.user, sid, query)
        return 302, {"location": f"{query['redirect_uri']}?{urlencode(back | {'code': code})}"}, b""

    def _token(self, form: dict[str, str], authorization: str) -> Answer:
        basic = base64.b64decode(authorization.removeprefix("Basic ")).decode() if authorization else ""
        if basic.replace("%20", " ").replace("+", " ").replace("%27", "'") != f"{CLIENT}:{SECRET}":
            return _json({"error": "invalid_client"}, 401)
        if form["grant_type"] == "authorization_code":
            grant = self._codes.pop(form["code"], None)
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            wrong = grant is None or grant.query["code_challenge"] != challenge
            if grant is None or wrong or grant.query["redirect_uri"] != form["redirect_uri"]:
                return _json({"error": "invalid_grant", "error_description": "code"}, 400)
        else:
            found = self._tokens.pop(form["refresh_token"], None)  # each counts once
            grant = found
            if found is None or found.sid not in self.sessions or not self.users[found.user].enabled:
                return _json({"error": "invalid_grant", "error_description": "refresh token"}, 400)
        assert grant is not None
        return _json(self._given(grant))

    def _given(self, grant: _Grant) -> dict[str, Any]:
        access = secrets.token_urlsafe(16)
        now = int(time.time())
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims = {"iss": self.issuer, "aud": CLIENT, "azp": CLIENT, "iat": now, "exp": now + 60, "sid": grant.sid}
        claims |= {"at_hash": base64.urlsafe_b64encode(half).decode().rstrip("=")} | self._info(grant)
        if self.groups_in != "id_token":
            del claims["groups"]
        if "nonce" in grant.query:
            claims["nonce"] = grant.query["nonce"]
        token = self.forge({"alg": "RS256", "kid": self.key.kid}, claims) or self.signed(claims)
        given = {"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": token}
        self._tokens[access] = grant
        if self.refreshes:
            given["refresh_token"] = secrets.token_urlsafe(16)
            self._tokens[given["refresh_token"]] = _Grant(grant.user, grant.sid)
        return given

    def _info(self, grant: _Grant) -> dict[str, Any]:
        user = self.users[grant.user]
        return {"sub": user.subject, "preferred_username": grant.user, "groups": user.groups}


def _json(value: object, status: int = 200) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps(value).encode()


def _handler_of(provider: OidcProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, headers, content = provider.answer(
                self.command, self.path, body, self.headers.get("authorization", "")
            )
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            return None

    return Handler
