"""Questions about a month that was written down: what is right, and that nothing is answered that cannot be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

import monitoring.assembly  # noqa: F401 - the parts declare their tables
from api.http import error_responses as problems
from monitoring.ask.asker import Asker, Asking
from monitoring.ask.local import AskContext, answer_here
from monitoring.ask.routes import ask_routes
from monitoring.ask.views import AskRequest
from monitoring.migrations import MONITORING
from monitoring.store.settings import RetentionSettings
from tests.monitoring.ask.judge import EVERYTHING, asker_of, judged, questions, store_month, summary
from tests.monitoring.ask.world import BEN
from tests.monitoring.who import admit
from tests.peers.postgres import Postgres
from workers.access.principal import Grant, Principal, StreamScope
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import migrate
from workers.errors import SettingsError
from workers.model_card import ModelStore

PRINCIPALS = {
    "reviewer": Principal("user:rob", "user", (Grant("reviewer"),)),
    "viewer": Principal("user:vic", "user", (Grant("viewer", ("entrance",)),)),
    "metrics": Principal("user:met", "user", (Grant("metrics"),)),
}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Who knows the month, on SQLite."""
    database = Database(driver_url(f"sqlite:///{tmp_path_factory.mktemp('ask') / 'livesight.db'}"))
    migrate(database, MONITORING)
    store_month(database)
    yield asker_of(database)
    database.close()


def ask(month: Asker, question: str, asking: Asking = EVERYTHING, **fields: Any) -> dict[str, Any]:
    """An answer, on Berlin's clocks."""
    return month.ask(AskRequest(question=question, tz="Europe/Berlin", **fields), asking)


@pytest.mark.parametrize("half", ["a", "b"])
def test_questions_are_answered_rightly_or_not_at_all(month: Asker, half: str) -> None:
    verdicts = judged(month, half)
    found = summary(verdicts)
    assert len(verdicts) == 75
    assert not [(one.question, one.wanted, one.answer["answer"]) for one in verdicts if one.verdict == "wrong"]
    assert found["right"] >= 0.95 * len(verdicts), [one.question for one in verdicts if one.verdict != "right"]


def test_questions_that_came_up_afterwards(month: Asker) -> None:
    """Each was answered wrongly, or not at all, once the grammar was frozen, or is near to one that was."""
    verdicts = judged(month, "afterwards")
    assert not [(one.question, one.wanted, one.answer["answer"]) for one in verdicts if one.verdict != "right"]


def test_postgresql_answers_the_same(postgres: Postgres) -> None:
    database = Database(driver_url(postgres.emptied()))
    try:
        migrate(database, MONITORING)
        store_month(database)
        verdicts = judged(asker_of(database), "a")
    finally:
        database.close()
    assert [one.question for one in verdicts if one.verdict != "right"] == []


def test_some_questions_cannot_be_answered() -> None:
    wants = [one["want"]["op"] for half in "ab" for one in questions(half)]
    assert len(wants) == 150 and wants.count("abstain") >= 25


def test_a_question_goes_on_from_the_one_before(month: Asker) -> None:
    first = ask(month, "How many people came at the entrance today?")
    yesterday = ask(month, "and yesterday?", context=first["plan"])
    assert (
        yesterday["figures"]["value"]
        == ask(month, "How many people came at the entrance yesterday?")["figures"]["value"]
    )
    other = ask(month, "and at the warehouse?", context=yesterday["plan"])
    assert (other["plan"]["camera"], other["plan"]["range"]) == (["warehouse"], yesterday["plan"]["range"])
    assert ask(month, "and yesterday?")["status"] == "abstained", "of what?"
    for question in first["follow_ups"]:
        assert ask(month, question, context=first["plan"])["status"] == "answered", question


def test_a_plan_is_sent_back_edited(month: Asker) -> None:
    plan = ask(month, "How many trucks were at the car park this month?")["plan"]
    again = month.ask(AskRequest(plan={**plan, "label": ["car"]}, tz="Europe/Berlin"), EVERYTHING)  # type: ignore[arg-type]
    assert again["figures"]["value"] == ask(month, "How many cars were at the car park this month?")["figures"]["value"]
    assert again["plan"]["label"] == ["car"]


def test_answers_say_what_nobody_watched(month: Asker) -> None:
    told = ask(month, "How many people came in through the doorway yesterday afternoon?")
    assert told["coverage"] == ["entrance was offline from yesterday at 14:02 until 14:31."]
    assert [(gap["stream_id"], gap["why"]) for gap in told["gaps"]] == [("entrance", "offline")]
    away = ask(month, "Was anyone in the warehouse on Sunday?")
    assert away["status"] == "abstained" and "warehouse was offline" in away["answer"]
    partly = ask(month, "How many people came last month?")
    assert "Nothing is stored from before Sat 24 Oct" in partly["coverage"][0]
    assert "Europe/Berlin" in partly["answer"] and partly["figures"]["tz"] == "Europe/Berlin"


def test_words_that_could_change_the_answer_are_shown(month: Asker) -> None:
    told = ask(month, "How many people in red jackets came yesterday?")
    assert (told["status"], told["not_used"], told["figures"]) == ("abstained", ["red", "jackets"], None)
    assert told["follow_ups"][0] == "How many people came yesterday?"
    assert ask(month, told["follow_ups"][0])["status"] == "answered"


def test_names_are_mended_or_asked_about(month: Asker) -> None:
    mended = ask(month, "How many people were at the warehose yesterday?")
    assert mended["read_as"] == {"warehose": "warehouse"} and "warehose" in mended["answer"]
    anna = ask(month, "When was Anna last seen?")
    assert anna["choices"] == ["when was Anna Keller last seen", "when was Anna Schmidt last seen"]
    assert ask(month, anna["choices"][0])["figures"]["at"]
    short = ask(month, "Was Bem here yesterday?")
    assert short["status"] == "abstained" or short["choices"], "three letters may be anybody"


def test_whoever_sees_one_camera_asks_about_that_one(month: Asker) -> None:
    only = Asking(StreamScope(("entrance",)), StreamScope(()), names=True)
    told = ask(month, "How many tracks were there yesterday?", only)
    assert told["figures"]["value"] == ask(month, "How many tracks were at the entrance yesterday?")["figures"]["value"]
    assert told["snapshots"] == []
    hidden = ask(month, "How many tracks were at the warehouse yesterday?", only)
    nowhere = ask(month, "How many tracks were at the nowhere yesterday?", only)
    assert hidden["status"] == nowhere["status"] == "abstained"
    assert hidden["answer"].replace("warehouse", "nowhere") == nowhere["answer"]
    assert "truck" not in json.dumps(ask(month, "How many trucks came yesterday?", only)["figures"])
    plan = ask(month, "How many tracks were at the warehouse yesterday?")["plan"]
    edited = month.ask(AskRequest(plan=plan, tz="Europe/Berlin"), only)
    assert edited["status"] == "abstained" and edited["figures"] is None


def test_names_are_for_those_who_may_see_them(month: Asker) -> None:
    unnamed = Asking(EVERYTHING.events, EVERYTHING.pictures, names=False)
    assert ask(month, "Who was here yesterday?", unnamed)["status"] == "abstained"
    assert ask(month, "Was Ben here yesterday?", unnamed)["not_used"] == ["ben"]
    plan = ask(month, "How often did Ben come this week?")["plan"]
    assert plan["person"] == [BEN]
    told = month.ask(AskRequest(plan=plan, tz="Europe/Berlin"), unnamed)
    assert "Ben" not in told["answer"] and told["figures"]["value"] == 3


def test_the_answer_rests_on_rows_that_are_shown(month: Asker) -> None:
    tracks = ask(month, "How many trucks were at the car park today?")
    assert len(tracks["tracks"]) == tracks["figures"]["value"] and not tracks["events"]
    alerts = ask(month, "Show me the alerts of this week")
    assert {event["kind"] for event in alerts["events"]} == {"alert"} and len(alerts["events"]) == 6


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"question": "How many alerts today?", "tz": "Europe/Berlin"}, 200, ""),
        ({"question": "How many alerts today?", "tz": "Mars/Olympus"}, 422, "Mars/Olympus"),
        ({"question": "How many alerts " + "very " * 80 + "today?"}, 422, "question"),
        ({"question": ""}, 422, "question"),
        ({"question": "Alerts?", "plan": {"intent": "count"}}, 422, "plan"),
        ({"plan": {"intent": "compare"}}, 422, "against"),
        ({"plan": {"intent": "count", "range": {"since": "2026-11-24T00:00:00"}}}, 422, "offset"),
        ({"plan": {"intent": "count", "min_duration_s": 1e999}}, 422, "min_duration_s"),
        ({"question": "Alerts?", "language": "de"}, 422, "language"),
        ({"question": "?!"}, 200, ""),
        ({"question": "how many people " + "<camera> <d0> " * 9}, 200, ""),
    ],
)
def test_the_route_answers_or_says_what_is_wrong(month: Asker, body: dict[str, Any], status: int, named: str) -> None:
    answer = post(month, "reviewer", body)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.headers["content-type"] == "application/problem+json" and named in answer.json()["detail"]


def test_the_route_is_for_those_who_see_events(month: Asker) -> None:
    question = {"question": "Who was here yesterday?", "tz": "Europe/Berlin"}
    assert post(month, "reviewer", question).json()["status"] == "answered"
    assert post(month, "viewer", question).json()["status"] == "abstained", "a viewer sees no names"
    assert post(month, "metrics", question).status_code == 403


def post(month: Asker, who: str, body: dict[str, Any]) -> httpx.Response:
    """The answer of the route to one of PRINCIPALS."""
    app = admit(FastAPI(), PRINCIPALS)
    problems.install(app)
    app.include_router(ask_routes(month))

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": who}) as client:
            content = json.dumps(body).replace("Infinity", "1e999")
            return await client.post("/v1/ask", content=content, headers={"content-type": "application/json"})

    return asyncio.run(send())


def test_the_command_answers_from_the_database(tmp_path: Path) -> None:
    path = tmp_path / "livesight.db"
    with pytest.raises(SettingsError, match="there is no database"):
        answer_here(context_of(path), "How many alerts were there today?", "UTC")
    database = Database(driver_url(f"sqlite:///{path}"))
    migrate(database, MONITORING)
    store_month(database)
    database.close()
    told = answer_here(context_of(path), "How many trucks were at the car park on 24 November 2026?", "Europe/Berlin")
    assert told["figures"]["value"] == 3 and told["plan"]["camera"] == ["car-park"]
    with pytest.raises(SettingsError, match="question"):
        answer_here(context_of(path), "", "UTC")


def context_of(path: Path) -> AskContext:
    """Of a configuration that arranges nothing."""
    return AskContext(f"sqlite:///{path}", ModelStore([]), (), (), RetentionSettings())


def test_nothing_is_said_of_an_empty_store(tmp_path: Path) -> None:
    database = Database(driver_url(f"sqlite:///{tmp_path / 'empty.db'}"))
    try:
        migrate(database, MONITORING)
        told = ask(asker_of(database), "How many tracks were there yesterday?")
        assert told["status"] == "abstained" and "Nothing is stored yet" in told["answer"]
    finally:
        database.close()
