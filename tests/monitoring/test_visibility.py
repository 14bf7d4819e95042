"""Whoever may see one of two cameras learns nothing of the other, on any route that reads; on both databases."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.monitoring.drift.made import START_S, box, result
from tests.monitoring.happened import happened, message
from tests.monitoring.shop import HIDDEN, RESULTS, SEEN, Shop, open_shop, until
from tests.peers.postgres import Postgres
from workers.bus.message_bus import LocalBus

NOBODY = uuid.UUID(int=7)
LISTS = {
    "/drift": "",
    "/v1/alerts": "",
    "/v1/alerts/schema": "",
    "/v1/captions": "limit=500",
    "/v1/drift": "",
    "/v1/events": "limit=500",
    "/v1/events.csv": "",
    "/v1/events/counts": "by=stream",
    "/v1/report": "since=1d",
    "/v1/report/runs": "",
    "/v1/rules": "",
    "/v1/tracks": "limit=500",
    "/v1/zones": "",
}
"""Routes that show several streams, and what to ask of them."""
OF_STREAMS = {
    "/v1/alerts/{alert_id}",
    "/v1/alerts/{alert_id}/clip",
    "/v1/alerts/{alert_id}/deliveries",
    "/v1/alerts/{alert_id}/picture",
    "/v1/clips/{number}",
    "/v1/clips/{number}/results",
    "/v1/drift/{stream_id}",
    "/v1/events/{event_id}",
    "/v1/rules/{name}",
    "/v1/snapshots/{number}",
    "/v1/tracks/{track}",
    "/v1/zones/{stream_id}",
}
"""Routes about something of one stream."""
ELSEWHERE = {
    "/v1/events/live": "tested by itself",
    "/v1/tracks/live": "too",
    "/v1/retention": "too",
    "/v1/alerts/targets": "for admins",
    "/v1/people": "for who may see all cameras",
    "/v1/people/{person}": "too",
    "/v1/people/{person}/looks": "too",
    "/v1/people/{person}/looks/{n}/face.jpg": "too",
    "/v1/people/{person}/sightings": "too",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Everything has happened already; tests read."""
    folder: Path = tmp_path_factory.mktemp("shop")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'livesight.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.emptied()
    with open_shop(url, folder) as opened:
        yield opened


def told(answer: httpx.Response) -> str:
    """Everything in an answer."""
    return "\n".join((*(f"{name}: {value}" for name, value in answer.headers.items()), answer.text)).lower()


def paths_of(shop: Shop, stream_id: str) -> dict[str, str]:
    """A path of each of OF_STREAMS, about that stream."""
    ids = shop.ids(stream_id)
    return {
        "/v1/alerts/{alert_id}": f"/v1/alerts/{ids['alert_id']}",
        "/v1/alerts/{alert_id}/clip": f"/v1/alerts/{ids['alert_id']}/clip",
        "/v1/alerts/{alert_id}/deliveries": f"/v1/alerts/{ids['alert_id']}/deliveries",
        "/v1/alerts/{alert_id}/picture": f"/v1/alerts/{ids['alert_id']}/picture",
        "/v1/clips/{number}": ids["clip"],
        "/v1/clips/{number}/results": f"{ids['clip']}/results",
        "/v1/drift/{stream_id}": f"/v1/drift/{stream_id}",
        "/v1/events/{event_id}": f"/v1/events/{ids['event_id']}",
        "/v1/rules/{name}": "/v1/rules/near" if stream_id == SEEN else "/v1/rules/far",
        "/v1/snapshots/{number}": ids["snapshot"],
        "/v1/tracks/{track}": f"/v1/tracks/{ids['event_id']}",
        "/v1/zones/{stream_id}": f"/v1/zones/{stream_id}",
    }


def test_each_route_that_reads_is_walked(shop: Shop) -> None:
    assert shop.paths == {*LISTS, *OF_STREAMS, *ELSEWHERE}


@pytest.mark.parametrize("who", ["viewer", "pattern"])
@pytest.mark.parametrize("path", LISTS)
def test_a_list_shows_the_streams_in_scope(shop: Shop, path: str, who: str) -> None:
    asked = f"{path}?{LISTS[path]}"
    everything, seen = shop.get("admin", asked), shop.get(who, asked)
    assert (everything.status_code, seen.status_code) == (200, 200), seen.text
    if path not in ("/v1/alerts/schema", "/v1/report/runs"):
        assert SEEN in told(everything) and HIDDEN in told(everything)
        assert SEEN in told(seen)
    assert HIDDEN not in told(seen)


@pytest.mark.parametrize(
    "path",
    ["events?limit=500", "events.csv?kind=identified", "tracks?limit=500", "alerts?rule=anybody", "report?since=1d"],
)
def test_names_are_told_to_who_may_see_them(shop: Shop, path: str) -> None:
    """Of what they may see; others get the opaque id."""
    everything, seen, untold = (shop.get(who, f"/v1/{path}").text for who in ("admin", "teller", "viewer"))
    assert "Lola" in everything and "Valentin" in everything
    assert "Lola" in seen and "Valentin" not in seen
    assert "Lola" not in untold and "Valentin" not in untold
    assert "{person:" not in everything + seen + untold


def test_people_are_filters_and_what_is_counted_by(shop: Shop) -> None:
    who, other = shop.people[SEEN], shop.people[HIDDEN]
    for items in ("events", "tracks", "alerts"):
        found = shop.get("admin", f"/v1/{items}?person=lola").json()
        assert found[items] and found["names"] == {who: "Lola"}
        named = shop.get("teller", f"/v1/{items}?person={who}").json()
        assert [one["id"] for one in named[items]] == [one["id"] for one in found[items]]
        assert named["names"] == found["names"]
        assert {one["stream_id"] for one in found[items]} == {SEEN}
        assert shop.get("teller", f"/v1/{items}?person={other}").json()[items] == []
        assert shop.get("viewer", f"/v1/{items}?person=lola").json()[items] == [], "that would tell whose id it is"
        untold = shop.get("viewer", f"/v1/{items}?person={who}").json()
        assert len(untold[items]) == len(found[items]) and untold["names"] == {}
    asked = "/v1/events/counts?kind=identified&by=person&bucket=month"
    counted = shop.get("admin", asked).json()
    assert {one["value"] for one in counted["counts"]} == {who, other} == set(counted["names"])
    assert (
        shop.get("teller", asked).json()["names"] == {who: "Lola"} and shop.get("viewer", asked).json()["names"] == {}
    )


def test_a_rule_is_about_people_who_are_known(shop: Shop) -> None:
    body = {"when": {"type": "seen", "people": [shop.people[SEEN]]}, "streams": [SEEN, HIDDEN]}
    tried = shop.ask("admin", "POST", "/v1/rules/try?days=1", json=body).json()
    assert {(one["stream_id"], one["person"]) for one in tried["alerts"]} == {(SEEN, shop.people[SEEN])}
    assert all(one["text"].startswith(f"{SEEN}: Lola (") for one in tried["alerts"])
    body["when"]["people"] = ["01KNOBODY"]  # type: ignore[index]
    refused = shop.ask("admin", "PUT", "/v1/rules/nobody", json=body)
    assert refused.status_code == 422 and "01KNOBODY" in refused.json()["detail"]


def test_rates_and_sizes_of_all_cameras_are_for_who_sees_all(shop: Shop) -> None:
    everything, seen = (shop.get(who, "/v1/retention").json() for who in ("admin", "viewer"))
    assert [rule["streams"] for rule in everything["rules"]] == [[HIDDEN]]
    assert (seen["rules"], seen["limits"], seen["disk"], seen["notes"]) == ([], [], None, [])
    assert seen["days"] == everything["days"]


@pytest.mark.parametrize(
    "path",
    ["/drift", "/v1/alerts", "/v1/drift", "/v1/events", "/v1/events.csv", "/v1/events/counts", "/v1/tracks"],
)
def test_a_stream_that_is_not_seen_is_as_one_that_does_not_exist(shop: Shop, path: str) -> None:
    asked = [shop.get("viewer", f"{path}?stream={stream}") for stream in (HIDDEN, "nowhere")]
    assert asked[0].status_code == asked[1].status_code == 200
    assert asked[0].text == asked[1].text
    both = shop.get("viewer", f"{path}?stream={HIDDEN}&stream={SEEN}")
    assert HIDDEN not in told(both)


@pytest.mark.parametrize("who", ["viewer", "pattern"])
def test_what_belongs_to_one_stream_is_there_for_those_who_see_it(shop: Shop, who: str) -> None:
    seen, hidden = paths_of(shop, SEEN), paths_of(shop, HIDDEN)
    assert set(seen) == OF_STREAMS
    for route in OF_STREAMS:
        assert shop.get("admin", hidden[route]).status_code in (200, 307), hidden[route]
        found = shop.get(who, seen[route])
        assert found.status_code in (200, 307) and HIDDEN not in told(found), seen[route]


def test_what_belongs_to_another_stream_is_answered_as_what_does_not_exist(shop: Shop) -> None:
    hidden = paths_of(shop, HIDDEN)
    ids = shop.ids(HIDDEN)
    never = {
        ids["alert_id"]: str(NOBODY),
        ids["event_id"]: str(NOBODY),  # a track has the same
        ids["snapshot"]: "/v1/snapshots/99999",
        ids["clip"]: "/v1/clips/99999",
        "/v1/rules/far": "/v1/rules/nothing",
        f"/{HIDDEN}": "/nowhere",
    }
    for path in hidden.values():
        for here, nowhere in never.items():
            if path.endswith(here) or f"{here}/" in path:
                unknown = path.replace(here, nowhere)
                break
        refused, missing = shop.get("viewer", path), shop.get("viewer", unknown)
        assert (refused.status_code, missing.status_code) == (404, 404), path
        assert refused.json()["type"] == missing.json()["type"], path
        assert _neutral(refused.json(), path) == _neutral(missing.json(), unknown), path
        assert shop.get("viewer", path, headers={"if-none-match": "*"}).status_code == 404, "no 304 either"


def _neutral(problem: dict[str, Any], path: str) -> dict[str, Any]:
    """Without what the client said itself."""
    text = problem["detail"]
    for part in path.split("/"):
        if len(part) > 5 or part.isdigit() or part in (HIDDEN, "far"):
            text = re.sub(rf"\b{part}\b", "…", text)
    return {**problem, "detail": text}


def test_counts_are_of_what_is_seen(shop: Shop) -> None:
    for query in ("", "bucket=minute", "by=stream", "by=zone", "by=kind", "label=without_mask", "alert=true"):
        totals = {
            who: shop.get(who, f"/v1/events/counts?{query}&{chosen}").json()["total"]
            for who, chosen in (("admin", f"stream={SEEN}"), ("viewer", ""), ("pattern", ""))
        }
        whole = shop.get("admin", f"/v1/events/counts?{query}").json()["total"]
        assert totals["viewer"] == totals["pattern"] == totals["admin"] > 0, query
        assert whole > totals["admin"], query


def test_pages_and_csv_hold_the_same_events(shop: Shop) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = shop.get("pattern", f"/v1/events?limit=7&order=oldest{cursor}").json()
        seen += [event["id"] for event in page["events"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    rows = list(csv.DictReader(io.StringIO(shop.get("pattern", "/v1/events.csv").text)))
    wanted = shop.get("admin", f"/v1/events?stream={SEEN}&order=oldest&limit=500").json()["events"]
    assert seen == [row["id"] for row in rows] == [event["id"] for event in wanted]
    foreign = shop.get("admin", f"/v1/events?stream={HIDDEN}&limit=3").json()["next"]
    assert HIDDEN not in told(shop.get("viewer", f"/v1/events?cursor={foreign}")), "another's cursor is no key"


def test_a_report_adds_up_what_is_seen(shop: Shop) -> None:
    def figures_of(who: str) -> dict[str, str]:
        page = shop.get(who, "/v1/report?since=1d").text
        return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))

    whole, seen = figures_of("admin"), figures_of("viewer")
    assert (whole["Cameras"], seen["Cameras"]) == ("2", "1")
    assert int(whole["Came into view"]) == 2 * int(seen["Came into view"]) > 0
    assert int(whole["Alerts"]) > int(seen["Alerts"]) > 0
    assert "data:image/jpeg" in shop.get("viewer", "/v1/report?since=1d").text
    assert "data:image/jpeg" not in shop.get("texts", "/v1/report?since=1d").text, "pictures are another action"


def test_events_alone_open_no_picture(shop: Shop) -> None:
    for route, path in paths_of(shop, SEEN).items():
        picture = route.endswith(("/clip", "/picture", "/{number}", "/results"))
        assert shop.get("texts", path).status_code == (403 if picture else 200), route


def test_rules_name_the_streams_that_are_seen(shop: Shop) -> None:
    rules = {rule["name"]: rule["streams"] for rule in shop.get("viewer", "/v1/rules").json()["rules"]}
    assert {name: rules.get(name) for name in ("anybody", "near", "far", "shared")} == {
        "anybody": [],
        "near": [SEEN],
        "far": None,
        "shared": [SEEN],
    }


def test_targets_and_what_they_said_are_for_admins(shop: Shop) -> None:
    assert shop.get("viewer", "/v1/alerts/targets").status_code == 403
    assert shop.ask("operator", "POST", "/v1/alerts/test/ops").status_code == 403
    alert_id = shop.ids(SEEN)["alert_id"]
    assert shop.ask("operator", "POST", f"/v1/alerts/{alert_id}/deliveries/ops/retry").status_code == 403
    for path in (f"/v1/alerts/{alert_id}", f"/v1/alerts/{alert_id}/deliveries"):
        (whole, *_), (seen, *_) = (shop.get(who, path).json()["deliveries"] for who in ("admin", "viewer"))
        assert "unreachable" in whole["error"] and "unreachable" not in seen["error"]
        assert "secret-hook" not in whole["error"]


def test_many_alerts_are_acknowledged_where_one_may(shop: Shop) -> None:
    hidden, seen = (shop.ids(stream_id)["alert_id"] for stream_id in (HIDDEN, SEEN))
    at = "/v1/alerts/acknowledge"
    for who in ("viewer", "pattern", "texts"):
        assert shop.ask(who, "POST", at, json={"filter": {}}).status_code == 403
    nothing = {"acknowledged": 0, "more": False}
    for body in ({"ids": [hidden]}, {"filter": {"stream": [HIDDEN]}}, {"ids": [str(NOBODY)]}):
        for who in ("reviewer", "both", "operator"):
            assert shop.ask(who, "POST", at, json=body).json() == nothing, (who, body)
    count = len(shop.get("admin", f"/v1/alerts?stream={SEEN}&state=unacknowledged&limit=500").json()["alerts"])
    try:
        assert count > 0 and shop.ask("both", "POST", at, json={"filter": {}}).json()["acknowledged"] == count
        assert shop.get("admin", f"/v1/alerts/{seen}").json()["acknowledged_by"] == "user:bo"
        assert shop.get("admin", f"/v1/alerts/{hidden}").json()["acknowledged_by"] is None
    finally:
        for alert in shop.get("admin", f"/v1/alerts?stream={SEEN}&limit=500").json()["alerts"]:
            shop.ask("admin", "DELETE", f"/v1/alerts/{alert['id']}/acknowledge")


def test_a_rule_is_tried_where_one_may_make_it(shop: Shop) -> None:
    """What it would have raised is what it did raise, on the cameras that are seen."""
    at = "/v1/rules/try"

    def tried(who: str, rule: str, **changes: Any) -> dict[str, Any]:
        body = {**shop.get("admin", f"/v1/rules/{rule}").json(), **changes}
        answer = shop.ask(who, "POST", f"{at}?days=1", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    for rule, streams in (("anybody", {SEEN, HIDDEN}), ("near", {SEEN}), ("shared", {SEEN, HIDDEN})):
        raised = shop.get("admin", f"/v1/alerts?rule={rule}").json()["alerts"]
        trial = tried("admin", rule)
        facts = ("stream_id", "track_id", "label", "severity", "text")
        assert sorted(tuple(alert[fact] for fact in facts) for alert in trial["alerts"]) == sorted(
            tuple(alert[fact] for fact in facts) for alert in raised
        )
        assert (trial["count"], trial["complete"]) == (len(raised), True)
        assert {alert["stream_id"] for alert in raised} == streams
        times = [sorted(alert["captured_at_ns"] for alert in alerts) for alerts in (trial["alerts"], raised)]
        assert all(abs(a - b) <= 10**9 for a, b in zip(*times, strict=True)), "a result a second"
        assert trial["first_at_ns"] == times[0][0] and trial["last_at_ns"] == times[0][-1]
        assert "stored from before" in trial["gaps"][0], "a day is more than there is"
    pictured = [alert for alert in tried("operator", "near")["alerts"] if alert["track_id"] == 1]
    assert pictured and shop.get("operator", pictured[0]["picture_url"]).content.endswith(SEEN.encode())
    for who, status in (("viewer", 403), ("reviewer", 403), ("both", 403)):
        body = shop.get("admin", "/v1/rules/near").json()
        assert shop.ask(who, "POST", at, json=body).status_code == status
    for rule in ("anybody", "shared", "far"):
        body = shop.get("admin", f"/v1/rules/{rule}").json()
        assert HIDDEN not in told(shop.ask("operator", "POST", at, json={**body, "name": "x"})).replace(rule, "")
        assert shop.ask("operator", "POST", at, json=body).status_code == 403
    elsewhere = tried("admin", "near", when={"type": "seen", "zone": "never drawn"})
    assert elsewhere["count"] == 0 and any("may be new" in gap for gap in elsewhere["gaps"])
    unknown = tried("admin", "near", when={"type": "camera"})
    assert unknown["count"] is None and "not stored" in unknown["gaps"][0]
    for bad, named in (({"targets": ["pager"]}, "pager"), ({"when": {"type": "odd"}}, "when")):
        body = {**shop.get("admin", "/v1/rules/near").json(), **bad}
        refused = shop.ask("admin", "POST", at, json=body)
        assert refused.status_code == 422 and named in refused.json()["detail"]
    assert shop.ask("admin", "POST", f"{at}?days=32", json={"when": {"type": "seen"}}).status_code == 422
    assert {rule["name"] for rule in shop.get("admin", "/v1/rules").json()["rules"]} >= {"near", "far"}
    assert "new rule" not in shop.get("admin", "/v1/rules").text, "nothing is saved"


def test_nobody_is_asked_to_sign_in(shop: Shop) -> None:
    async def ask() -> list[httpx.Response]:
        async with shop.client("viewer") as client:
            del client.headers["x-api-key"]
            return [await client.get(path) for path in (*LISTS, *paths.values(), *ELSEWHERE)]

    paths = paths_of(shop, SEEN)
    assert {answer.status_code for answer in asyncio.run(ask())} == {401}


def test_a_track_is_shown_with_all_that_it_did(shop: Shop) -> None:
    row = shop.get("admin", f"/v1/tracks?stream={SEEN}&track=1").json()["tracks"][-1]
    events = shop.get("admin", f"/v1/events?session={row['session']}&track=1&order=oldest").json()["events"]
    began, *_, ended = events
    assert (row["id"], row["began_at_ns"], row["ended_at_ns"]) == (
        began["id"],
        began["captured_at_ns"],
        ended["captured_at_ns"],
    )
    assert (row["label"], row["duration_s"], row["event_count"]) == ("without_mask", ended["duration_s"], len(events))
    assert shop.get("viewer", row["snapshot_url"]).content.startswith(b"\xff\xd8")
    assert [one["rule"] for one in row["alerts"]] == ["anybody", "near", "shared"]
    one = shop.get("teller", f"/v1/tracks/{row['id']}").json()
    assert one.pop("events") == events and one == row


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/v1/tracks?colour=red", 422, "colour"),
        ("/v1/tracks?kind=track_began", 422, "kind"),
        ("/v1/tracks?cursor=x", 422, "cursor: not issued by this server"),
        ("/v1/tracks?since=1817-01-01T00:00:00Z", 422, "1817"),
        ("/v1/tracks?min_duration_s=-1", 422, "min_duration_s"),
        ("/v1/tracks/7", 422, "track"),
        ("/v1/tracks/live?in_view=perhaps", 422, "in_view"),
    ],
)
def test_what_cannot_be_asked_of_tracks_is_said(shop: Shop, path: str, status: int, told: str) -> None:
    answer = shop.get("viewer", path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert told in answer.json()["detail"]


def come(bus: LocalBus, stream_id: str) -> None:
    """Somebody comes into view, and stays."""
    for step in range(8):
        at_s = START_S + step / 4
        shown = result(at_s, [box(50)], session=f"again-{stream_id}", stream_id=stream_id)
        bus.publish(message(shown.model_copy(update={"captured_at_ns": time.time_ns()})))


def test_live_events_and_tracks_are_of_the_streams_in_scope(shop: Shop) -> None:
    """Runs last: it ends the sockets."""

    async def follow(who: str, path: str) -> str:
        async with shop.client(who) as client:
            return (await client.get(path)).text

    async def follow_all() -> list[str]:
        people = ("admin", "viewer", "pattern")
        asked = [
            asyncio.create_task(follow(who, f"/v1/{what}/live")) for what in ("events", "tracks") for who in people
        ]
        feeds = (shop.running.live, shop.running.live_tracks)
        while any(len(feed._followers) < len(people) for feed in feeds):
            await asyncio.sleep(0.01)
        for stream_id in (HIDDEN, SEEN):
            come(shop.bus, stream_id)
            shop.bus.publish(message(happened(RESULTS + 700, "stream_down", stream_id, reason="ended")))
        path = "/v1/events?kind=stream_down&limit=500"
        before = 2
        await asyncio.to_thread(until, lambda: len(shop.get("admin", path).json()["events"]) >= before + 2)
        await asyncio.to_thread(until, lambda: len(shop.get("admin", "/v1/tracks?in_view=true").json()["tracks"]) == 2)
        for feed in feeds:
            feed.close()
        return await asyncio.gather(*asked)

    everything, *seen = asyncio.run(follow_all())
    for whole, parts in ((everything, seen[:2]), (seen[2], seen[3:])):
        assert SEEN in whole and HIDDEN in whole
        for text in parts:
            assert SEEN in text and HIDDEN not in text
    for text in (seen[2], *seen[3:]):
        assert text.count("event: caught_up") == 1
