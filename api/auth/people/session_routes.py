"""POST /v1/login, /v1/logout, /v1/setup, /v1/session/password; GET /v1/session. Runs on the event loop.

All take JSON, which a foreign page's form cannot send, and api/http/origin.py refuses foreign pages besides.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth.grants import GrantBody, shown
from api.auth.people.people import People
from api.auth.people.session_reader import delete_cookie, set_cookie
from api.auth.people.session_store import Client, Session
from api.auth.settings import AuthSettings
from workers.access.declaration import CurrentPrincipal, Open, SignedIn
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal
from workers.access.roles import ACTIONS, Action
from workers.errors import Forbidden

NO_STORE = {"cache-control": "no-store"}
_COOKIE: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"Set-Cookie": {"description": "The session.", "schema": {"type": "string"}}}}
}
_CHANGED: dict[int | str, dict[str, Any]] = {
    409: {"description": "The password was changed, or the account disabled, meanwhile."}
}
Somebody = Annotated[Principal, Depends(SignedIn())]
Password = Annotated[str, Field(max_length=1024)]


class SignIn(BaseModel):
    """Name and password."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    password: Password


class FirstAdmin(SignIn):
    """With the token of the link that the service printed."""

    token: Annotated[str, Field(max_length=200)]


class SignOut(BaseModel):
    """`everywhere`: all sessions of the account, not only this one."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    everywhere: bool = False


class NewPassword(BaseModel):
    """The old one is asked for again, so that a tab left open is not enough."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    old: Password
    new: Password


class SignedOut(BaseModel):
    """The session began at a provider, where one is still signed in."""

    continue_at: str = Field(description="Where the browser goes to sign out there too; it comes back by itself.")


class ProviderLogout(Protocol):
    """Signs out at the provider."""

    async def end_session_url(self, session_id: str, base_url: str) -> str | None:
        """Where the browser goes for that; None: nowhere."""
        ...


class SessionView(BaseModel):
    """Who asks, and what they may do: `actions` on some stream at least, `scopes` say on which."""

    mode: Literal["none", "accounts"]
    signed_in: bool
    id: str
    name: str
    kind: str
    grants: list[GrantBody]
    actions: list[Action]
    scopes: dict[Action, list[str]] = Field(
        description="Of each action, patterns of the streams on which it is allowed."
    )
    password_sign_in: bool = Field(description="Whether one may sign in with a password.")
    provider: str | None = Field(description="What the button says to sign in at the provider with; null: none is set.")
    setup: bool = Field(description="There is no account yet: the service printed a link for the first admin.")
    password_length: int | None = Field(description="The fewest characters of a new password; null in mode none.")
    insecure: bool = Field(description="Whoever reaches the service may do everything, and others reach it.")


def session_view_routes(people: People | None, insecure: bool) -> APIRouter:
    """What the pages ask in either mode. `people` None: mode none."""
    router = APIRouter(tags=["accounts"], route_class=GuardedRoute)

    @router.get("/v1/session", dependencies=[Depends(Open("tells who asks, also that nobody does"))])
    async def get_session(principal: CurrentPrincipal, response: Response) -> SessionView:
        """Who makes this request."""
        response.headers.update(NO_STORE)
        setup = people is not None and await people.needs_setup()
        return _view(principal, None if people is None else people.settings, setup, insecure)

    return router


def sign_in_routes(people: People) -> APIRouter:
    """Of mode accounts."""
    router = APIRouter(tags=["accounts"], route_class=GuardedRoute)

    @router.post(
        "/v1/login",
        dependencies=[Depends(Open("this is where one proves who one is"))],
        response_model=SessionView,
        responses=_COOKIE,
    )
    async def sign_in(request: Request, body: SignIn) -> Response:
        """Sign in: the answer sets a cookie. Each sign-in is a new session."""
        return await _signed_in(request, await people.sign_in(body.name, body.password, client_of(request)))

    @router.post(
        "/v1/setup",
        dependencies=[Depends(Open("the link that the service printed is the proof"))],
        response_model=SessionView,
        responses={**_COOKIE, 409: {"description": "The name is taken."}},
    )
    async def add_first_admin(request: Request, body: FirstAdmin) -> Response:
        """Make the first account, an admin, and sign in with it."""
        opened = await people.set_up(body.token, body.name, body.password, client_of(request))
        return await _signed_in(request, opened)

    async def _signed_in(request: Request, opened: tuple[str, Session]) -> Response:
        token, session = opened
        view = _view(session.principal(), people.settings, False, False)
        response = Response(view.model_dump_json(), headers=NO_STORE, media_type="application/json")
        set_cookie(response, request, token, people.settings.session.absolute_s)
        return response

    return router


def own_session_routes(people: People, provider: ProviderLogout | None = None) -> APIRouter:
    """What the signed-in do with their own session and account."""
    router = APIRouter(tags=["accounts"], route_class=GuardedRoute)

    @router.post(
        "/v1/logout",
        status_code=204,
        responses={200: {"model": SignedOut, "description": "Signed out here; go on at the provider."}},
        dependencies=[Depends(Open("ends one's own session, if there is one"))],
    )
    async def sign_out(request: Request, principal: CurrentPrincipal, body: SignOut | None = None) -> Response:
        """Sign out: here, or everywhere. Sockets and streamed answers of the session end.

        200 for a session that began at a provider: the browser then goes where the answer says.
        """
        response = Response(status_code=204, headers=NO_STORE)
        if provider is not None and principal.kind == "user":
            url = await provider.end_session_url(session_id_of(principal), base_url_of(request))
            if url is not None:
                body_of = SignedOut(continue_at=url).model_dump_json()
                response = Response(body_of, headers=NO_STORE, media_type="application/json")
        delete_cookie(response, request)
        if principal.kind == "user":
            everywhere = body is not None and body.everywhere
            await people.sign_out(user_id_of(principal), session_id_of(principal), everywhere=everywhere)
        return response

    @router.post("/v1/session/password", status_code=204, responses=_CHANGED)
    async def change_password(request: Request, principal: Somebody, body: NewPassword) -> Response:
        """Change one's own password, which is asked for again. All other sessions of the account end."""
        if principal.kind != "user":
            raise Forbidden("only people have a password; sign in with a name and a password first")
        session, address = session_id_of(principal), client_of(request).address
        await people.change_password(user_id_of(principal), body.old, body.new, session, address)
        return Response(status_code=204, headers=NO_STORE)

    return router


def client_of(request: Request) -> Client:
    """Who signs in. Behind a trusted proxy the server has put the client's address there."""
    address = "" if request.client is None else request.client.host
    return Client(address, request.headers.get("user-agent", ""))


def base_url_of(request: Request) -> str:
    """Where the browser says that this service is; api/http/origin.py lets known names pass only."""
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}"


def user_id_of(principal: Principal) -> str:
    """The account's id."""
    return principal.id.removeprefix("user:")


def session_id_of(principal: Principal) -> str:
    """The session's id."""
    return principal.credential.removeprefix("session:")


def _view(principal: Principal, settings: AuthSettings | None, setup: bool, insecure: bool) -> SessionView:
    """`settings` None: mode none."""
    return SessionView(
        mode="none" if settings is None else "accounts",
        signed_in=principal.kind != "anonymous",
        id=principal.id,
        name=principal.display_name or ("Local admin" if principal.kind == "local" else ""),
        kind=principal.kind,
        grants=shown(principal.grants),
        actions=[action for action in ACTIONS if principal.may(action)],
        scopes={action: list(principal.scope(action).patterns) for action in ACTIONS if principal.may(action)},
        password_sign_in=settings is not None and settings.password_sign_in,
        provider=None if settings is None or settings.oidc is None else settings.oidc.label,
        setup=setup,
        password_length=None if settings is None else settings.password_length,
        insecure=insecure,
    )
