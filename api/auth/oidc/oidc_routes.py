"""/v1/oidc: to the provider, back from it, and what it says when somebody signs out there. Runs on the event loop.

The way back is a navigation that comes from another site: hence the cookies' SameSite=Lax, and hence what went wrong is
told by the page to sign in at, to which the browser is sent, and not as JSON.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.requests import HTTPConnection

from api.auth.oidc.errors import ProviderError, TokenRefused
from api.auth.oidc.sign_ins import CALLBACK, SIGN_IN_S, CallbackParameters, ProviderSignIns
from api.auth.people.people import People
from api.auth.people.session_reader import is_secure, set_cookie
from api.auth.people.session_routes import NO_STORE, base_url_of, client_of
from workers.access.declaration import Open
from workers.access.guarded_route import GuardedRoute
from workers.errors import AccessBusy, DatabaseUnavailable

SECURE_COOKIE, PLAIN_COOKIE = "__Host-livesight-oidc", "livesight-oidc"

OwnPath = Annotated[
    str,
    Query(
        max_length=500,
        pattern=r"^/([^/\\\x00-\x1f\x7f][^\\\x00-\x1f\x7f]*)?$",
        description="Where to go then: a path of this service.",
    ),
]
AskAgain = Annotated[bool, Query(description="Be asked there who one is, even if it knows.")]
FromProvider = Annotated[str | None, Query(max_length=4096)]


def oidc_routes(sign_ins: ProviderSignIns, people: People) -> APIRouter:
    """Where `auth.oidc` is set."""
    router = APIRouter(tags=["accounts"], route_class=GuardedRoute)
    _add_logout(router, sign_ins)
    _add_callback(router, sign_ins, people)

    @router.get(
        "/v1/oidc/login",
        status_code=303,
        response_class=RedirectResponse,
        dependencies=[Depends(Open("this is where one proves who one is"))],
    )
    async def begin_oidc_sign_in(request: Request, to: OwnPath = "/", again: AskAgain = False) -> Response:
        """Go to the provider to sign in."""
        try:
            begun = await sign_ins.begin(to, base_url_of(request), again=again)
        except ProviderError as error:
            return _to_page(error.page_code)
        response = _redirect(begun.url)
        secure = is_secure(request)
        name = _cookie(request)
        response.set_cookie(name, begun.sealed, SIGN_IN_S, path="/", secure=secure, httponly=True, samesite="lax")
        return response

    return router


def _add_callback(router: APIRouter, sign_ins: ProviderSignIns, people: People) -> None:
    @router.get(
        CALLBACK,
        include_in_schema=False,  # providers add parameters of their own
        status_code=303,
        response_class=RedirectResponse,
        dependencies=[Depends(Open("the provider's code is the proof"))],
    )
    async def callback(
        request: Request,
        code: FromProvider = None,
        state: FromProvider = None,
        iss: FromProvider = None,
        error: FromProvider = None,
    ) -> Response:
        """Where the provider sends the browser back to; sets the session's cookie."""
        came = CallbackParameters(code, state, iss, error)
        try:
            finished = await sign_ins.finish(came, request.cookies.get(_cookie(request)), client_of(request))
        except ProviderError as failure:
            response = _to_page(failure.page_code)
        except (DatabaseUnavailable, AccessBusy):
            response = _to_page("busy")
        else:
            response = _redirect(finished.to)
            set_cookie(response, request, finished.token, people.settings.session.absolute_s)
        response.delete_cookie(_cookie(request), path="/", secure=is_secure(request), httponly=True, samesite="lax")
        return response


def _add_logout(router: APIRouter, sign_ins: ProviderSignIns) -> None:
    @router.post(
        "/v1/oidc/logout",
        include_in_schema=False,  # for the provider, which sends a form
        dependencies=[Depends(Open("the provider's signed logout token is the proof"))],
    )
    async def provider_logout(request: Request) -> Response:
        """Back-channel log-out: the provider says who signed out there, and the sessions here end."""
        logout_token = (await request.form(max_files=0, max_fields=20)).get("logout_token")
        if not isinstance(logout_token, str):
            raise TokenRefused("send logout_token as application/x-www-form-urlencoded")
        await sign_ins.signed_out_there(logout_token)
        return Response(status_code=200, headers=NO_STORE)


def _cookie(connection: HTTPConnection) -> str:
    return SECURE_COOKIE if is_secure(connection) else PLAIN_COOKIE


def _redirect(url: str) -> Response:
    return RedirectResponse(url, status_code=303, headers={**NO_STORE, "referrer-policy": "no-referrer"})


def _to_page(code: str) -> Response:
    return _redirect(f"/?sign-in={code}")
