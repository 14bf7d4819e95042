"""Pushing with keys: WHIP with a Bearer token (RFC 9725, 4.7), images over a socket."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.auth.machines.conftest import Guarded
from tests.api.push_client import encoded
from tests.peers.whip_client import NumberedTrack, WhipClient, loopback_ice
from workers.access.principal import Grant


@pytest.fixture(autouse=True)
def on_loopback() -> Iterator[None]:
    with loopback_ice():
        yield


async def test_whip_with_a_bearer_token(site: Guarded) -> None:
    key = site.key(Grant("operator", ("cam",), frozenset({"push"})))
    headers = {"authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(base_url=site.service.url, headers=headers, timeout=20) as http,
        httpx.AsyncClient(base_url=site.service.url, timeout=20) as nobody,
        WhipClient(NumberedTrack(size_wh=(320, 240))) as client,
    ):
        await client.connect_http(http, "/v1/streams/cam/whip?models=number")
        await client.connected()
        fragment = {"content-type": "application/trickle-ice-sdpfrag"}
        assert (await nobody.patch(client.url, content="a=end-of-candidates", headers=fragment)).status_code == 401
        assert (await nobody.delete(client.url)).status_code == 401
        assert (await client.delete()).status_code == 200  # type: ignore[attr-defined]


@pytest.mark.parametrize(("stream_id", "status"), [("cam", 401), ("hall", 403)])
async def test_whip_is_refused(site: Guarded, stream_id: str, status: int) -> None:
    """Without a token, and for another stream than the key's."""
    key = site.key(Grant("operator", ("cam",)))
    headers = {"authorization": f"Bearer {key}"} if status == 403 else {}
    async with httpx.AsyncClient(base_url=site.service.url, headers=headers, timeout=20) as http:
        answer = await http.post(
            f"/v1/streams/{stream_id}/whip", content="v=0", headers={"content-type": "application/sdp"}
        )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_images_with_a_key(site: Guarded) -> None:
    key = site.key(Grant("operator", ("cam",)))
    url = f"{site.service.ws}/v1/streams/cam/frames?models=number"
    with connect(url, additional_headers={"x-api-key": key}) as socket:
        socket.send(encoded(3))
        assert '"frame":0' in str(socket.recv(20)).replace(" ", "")
    for other, headers in ((url, {}), (url.replace("cam", "hall"), {"x-api-key": key})):
        with pytest.raises(InvalidStatus) as refused, connect(other, additional_headers=headers):
            pass
        assert refused.value.response.status_code == (403 if headers else 401)
