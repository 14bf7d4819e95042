"""Requests to HTTP cameras: redirects, and signing in with Basic or Digest. Blocking; the caller's thread."""

from __future__ import annotations

import contextlib
import ssl

import httpx

from stream.errors import CameraAddressError, SourceError
from stream.network.camera_address import CameraAddress, parse_address
from stream.network.refusals import CLOSED, status_in_words

_MOST_REDIRECTS = 8


def request(client: httpx.Client, url: str, headers: dict[str, str], secrets: CameraAddress | None) -> httpx.Response:
    """The answer with a body to be read, after redirects and signing in. Bodies in between are not read, whatever their
    size.

    A password is sent only where it is asked for, and only to the server that it was given for: `secrets`. Raises
    AddressRefused, SourceError.
    """
    try:
        response = _follow(client, client.build_request("GET", url, headers=headers), secrets)
    except httpx.PoolTimeout:
        raise SourceError("names too many streams at a time") from None
    except httpx.TimeoutException:
        raise SourceError("no answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        raise SourceError(reason_of(error)) from None
    if not response.is_success:
        response.close()
        signed = "authorization" in response.request.headers
        raise SourceError(status_in_words(response.status_code, signed=signed))
    return response


def _follow(client: httpx.Client, request: httpx.Request, secrets: CameraAddress | None) -> httpx.Response:
    for _ in range(_MOST_REDIRECTS):
        response = _answer(client, request, secrets)
        if response.next_request is None:
            return response
        response.close()
        request = response.next_request
        # httpx keeps it for the same host; it is for one path (Digest), and http and https are two servers
        request.headers.pop("authorization", None)
    raise SourceError("too many redirects")


def _answer(client: httpx.Client, request: httpx.Request, secrets: CameraAddress | None) -> httpx.Response:
    """The answer to one request, asked for again with the password where that is wanted."""
    try:
        here = parse_address(str(request.url))
    except CameraAddressError as error:
        raise SourceError(f"a redirect is not usable: {error}") from None
    response = client.send(request, stream=True)
    if response.status_code != 401 or secrets is None or here.origin != secrets.origin:
        return response
    signed = _signed(request, response, secrets)
    if signed is None:
        return response
    response.close()
    return client.send(signed, stream=True)


def _signed(request: httpx.Request, refused: httpx.Response, secrets: CameraAddress) -> httpx.Request | None:
    """The request again, with Digest or Basic, as the server asks; None where it asks for something else."""
    user, password = secrets.user or "", secrets.password or ""
    offered = [one.partition(" ")[0].lower() for one in refused.headers.get_list("www-authenticate")]
    if "digest" in offered:
        flow = httpx.DigestAuth(user, password).auth_flow(request)
        next(flow)  # the request as it was sent already
        with contextlib.suppress(httpx.ProtocolError, KeyError, ValueError, NotImplementedError):
            return flow.send(refused)  # else a challenge that httpx does not know, or that is none
    return next(httpx.BasicAuth(user, password).auth_flow(request)) if "basic" in offered else None


def reason_of(error: Exception) -> str:
    """In words, without any URL."""
    if isinstance(error, httpx.RemoteProtocolError):
        return "closed the connection, or does not speak HTTP"
    if isinstance(error, httpx.ReadError | httpx.WriteError):
        return CLOSED
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return "redirects to something that is not HTTP"
    return str(error) or type(error).__name__
