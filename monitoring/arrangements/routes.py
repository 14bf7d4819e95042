"""Zones, lines and rules over HTTP. Runs on the event loop; the database is asked in the loop's executor."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from monitoring.arrangements.config_store import Origin
from monitoring.arrangements.rule_book import RuleBook
from monitoring.arrangements.scenes import Scenes
from monitoring.core.errors import ArrangementUnknown, BadQuery
from monitoring.events.zone import Name, Scene
from monitoring.rules.rule import Rule
from stream.config import StreamId

StreamIdInPath = Annotated[StreamId, Path()]
NameInPath = Annotated[Name, Path()]


class SceneView(Scene):
    """The zones and lines of a stream and who says so; null where nobody does: there are none."""

    origin: Origin | None


class SceneList(BaseModel):
    """All streams that have zones or lines, by id."""

    scenes: list[SceneView]


class SceneBody(Scene):
    """Zones and lines in place of those that are there. What `GET` gave may be sent back, changed."""

    stream_id: StreamId = Field(default="", description="That of the path, if given.")
    origin: Origin | None = Field(default=None, description="Not looked at.")


class RuleView(Rule):
    """A rule and who says so."""

    origin: Origin


class RuleList(BaseModel):
    """All rules, by name."""

    rules: list[RuleView]


class RuleBody(Rule):
    """A rule in place of that of this name, if there is one. What `GET` gave may be sent back, changed."""

    name: Name = Field(default="", description="That of the path, if given.")
    origin: Origin | None = Field(default=None, description="Not looked at.")


def scene_routes(scenes: Scenes) -> APIRouter:
    """The routes of zones and lines."""
    router = APIRouter(tags=["zones"])

    @router.get("/v1/zones")
    async def list_scenes() -> SceneList:
        """The zones and lines of all streams that have any."""
        known = scenes.known().values()
        return SceneList(scenes=[SceneView(**scene.model_dump(), origin=origin) for scene, origin in known])

    @router.get("/v1/zones/{stream_id}")
    async def get_scene(stream_id: StreamIdInPath) -> SceneView:
        """The zones and lines of a stream; empty when it has none."""
        known = scenes.known().get(stream_id)
        if known is None:
            return SceneView(stream_id=stream_id, origin=None)
        return SceneView(**known[0].model_dump(), origin=known[1])

    @router.put("/v1/zones/{stream_id}", responses={201: {"description": "It had none"}})
    async def put_scene(stream_id: StreamIdInPath, body: SceneBody, response: Response) -> SceneView:
        """Give a stream these zones and lines; they hold from the next picture on."""
        _same("stream_id", body.stream_id, stream_id)
        scene = Scene(**body.model_dump(exclude={"origin"}) | {"stream_id": stream_id})
        response.status_code = 201 if await asyncio.to_thread(scenes.put, stream_id, scene) else 200
        return SceneView(**scene.model_dump(), origin="api")

    @router.delete("/v1/zones/{stream_id}", status_code=204)
    async def delete_scene(stream_id: StreamIdInPath) -> None:
        """Take a stream's zones and lines away; who is in a zone leaves it."""
        await asyncio.to_thread(scenes.delete, stream_id)

    return router


def rule_routes(rules: RuleBook) -> APIRouter:
    """The routes of rules."""
    router = APIRouter(tags=["rules"])

    @router.get("/v1/rules")
    async def list_rules() -> RuleList:
        """All rules."""
        return RuleList(rules=[RuleView(**rule.model_dump(), origin=origin) for rule, origin in rules.known().values()])

    @router.get("/v1/rules/{name}")
    async def get_rule(name: NameInPath) -> RuleView:
        """A rule."""
        known = rules.known().get(name)
        if known is None:
            raise ArrangementUnknown(f"there is no rule {name}")
        return RuleView(**known[0].model_dump(), origin=known[1])

    @router.put("/v1/rules/{name}", responses={201: {"description": "It is new"}})
    async def put_rule(name: NameInPath, body: RuleBody, response: Response) -> RuleView:
        """Make or change a rule; it holds from the next picture on."""
        _same("name", body.name, name)
        rule = Rule(**body.model_dump(exclude={"origin"}) | {"name": name})
        response.status_code = 201 if await asyncio.to_thread(rules.put, name, rule) else 200
        return RuleView(**rule.model_dump(), origin="api")

    @router.delete("/v1/rules/{name}", status_code=204)
    async def delete_rule(name: NameInPath) -> None:
        """Take a rule away; its open alerts end. One that comes with Livesight is as it came, again."""
        await asyncio.to_thread(rules.delete, name)

    return router


def _same(field: str, given: str, path: str) -> None:
    if given not in ("", path):
        raise BadQuery(f"{field}: {given} is not {path}, which the path names")
