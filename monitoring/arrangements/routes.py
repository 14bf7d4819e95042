"""HTTP routes of zones, lines and rules. Run on the event loop; database calls run in its executor."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import AfterValidator, BaseModel, Field
from pydantic.config import JsonDict

from monitoring.arrangements.config_store import Origin
from monitoring.arrangements.rule_access import applies, may_delete, may_put
from monitoring.arrangements.rule_store import RuleStore
from monitoring.arrangements.scene_store import SceneStore
from monitoring.core.errors import ArrangementUnknown, BadQuery
from monitoring.events.zone import Name, Scene
from monitoring.rules.rule import Rule
from stream.config import StreamId
from workers.access.declaration import MaySeeEvents, Needs
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal, StreamScope

StreamIdInPath = Annotated[StreamId, Path(description="The stream's id.")]
MayChangeZones = Annotated[Principal, Depends(Needs("zones"))]
MayChangeRules = Annotated[Principal, Depends(Needs("rules"))]
NameInPath = Annotated[Name, Path(description="The rule's name.")]
_TRY = "try"


def _not_reserved(name: str) -> str:
    if name == _TRY:
        raise ValueError("is the address of POST /v1/rules/try, so no rule can have this name; choose another")
    return name


NewNameInPath = Annotated[
    Name,
    AfterValidator(_not_reserved),
    Path(description=f"The rule's name, which is not `{_TRY}`.", json_schema_extra={"not": {"const": _TRY}}),
]

_FIXED: dict[int | str, dict[str, Any]] = {
    409: {"description": "The configuration says it, so it cannot be changed here; or there are as many as may be."}
}


def _of_answers(schema: JsonDict) -> None:
    """Of a field that answers have, and that requests may have so that an answer can be sent back."""
    schema["readOnly"] = True
    schema.pop("default", None)


class SceneView(Scene):
    """The zones and lines of a stream. `origin`: where they come from, null when there are none."""

    origin: Origin | None


class SceneList(BaseModel):
    """All streams with zones or lines, by id."""

    scenes: list[SceneView]


class SceneBody(Scene):
    """Replaces the zones and lines of a stream. A changed answer of `GET` may be sent back."""

    stream_id: StreamId = Field(default="", description="The path's, if given.", json_schema_extra=_of_answers)
    origin: Origin | None = Field(default=None, description="Ignored.", json_schema_extra=_of_answers)


class RuleView(Rule):
    """A rule and where it comes from."""

    origin: Origin


class RuleList(BaseModel):
    """All rules, by name."""

    rules: list[RuleView]


class RuleBody(Rule):
    """Creates or replaces a rule. A changed answer of `GET` may be sent back."""

    name: Name = Field(default="", description="The path's, if given.", json_schema_extra=_of_answers)
    origin: Origin | None = Field(default=None, description="Ignored.", json_schema_extra=_of_answers)


def scene_routes(scenes: SceneStore) -> APIRouter:
    """The routes of zones and lines."""
    router = APIRouter(tags=["zones"], route_class=GuardedRoute)

    @router.get("/v1/zones")
    async def list_zones(principal: MaySeeEvents) -> SceneList:
        """The zones and lines of all streams that have any."""
        scope = principal.scope("events")
        items = [item for stream_id, item in scenes.items().items() if stream_id in scope]
        return SceneList(scenes=[SceneView(**scene.model_dump(), origin=origin) for scene, origin in items])

    @router.get("/v1/zones/{stream_id}")
    async def get_zones(principal: MaySeeEvents, stream_id: StreamIdInPath) -> SceneView:
        """The zones and lines of a stream; empty when it has none."""
        found = scenes.items().get(stream_id)
        if found is None:
            return SceneView(stream_id=stream_id, origin=None)
        return SceneView(**found[0].model_dump(), origin=found[1])

    @router.put(
        "/v1/zones/{stream_id}", responses={201: {"description": "The stream had none.", "model": SceneView}, **_FIXED}
    )
    async def put_zones(
        principal: MayChangeZones, stream_id: StreamIdInPath, body: SceneBody, response: Response
    ) -> SceneView:
        """Replace the zones and lines of a stream, from the next frame on."""
        _check_same("stream_id", body.stream_id, stream_id)
        scene = Scene(**body.model_dump(exclude={"origin"}) | {"stream_id": stream_id})
        response.status_code = 201 if await asyncio.to_thread(scenes.put, stream_id, scene) else 200
        return SceneView(**scene.model_dump(), origin="api")

    @router.delete("/v1/zones/{stream_id}", status_code=204, responses=_FIXED)
    async def delete_zones(principal: MayChangeZones, stream_id: StreamIdInPath) -> None:
        """Remove the zones and lines of a stream; tracks leave the zones."""
        await asyncio.to_thread(scenes.delete, stream_id)

    return router


def rule_routes(rules: RuleStore) -> APIRouter:
    """The routes of rules."""
    router = APIRouter(tags=["rules"], route_class=GuardedRoute)

    @router.get("/v1/rules")
    async def list_rules(principal: MaySeeEvents) -> RuleList:
        """All rules that apply to a stream that the principal may see; of their streams those that it may see."""
        scope = principal.scope("events")
        found = rules.items().values()
        return RuleList(rules=[_rule_view(rule, origin, scope) for rule, origin in found if applies(rule, scope)])

    @router.get("/v1/rules/{name}")
    async def get_rule(principal: MaySeeEvents, name: NameInPath) -> RuleView:
        """A rule."""
        found, scope = rules.items().get(name), principal.scope("events")
        if found is None or not applies(found[0], scope):
            raise ArrangementUnknown(f"there is no rule {name}")
        return _rule_view(*found, scope)

    @router.put("/v1/rules/{name}", responses={201: {"description": "The rule is new.", "model": RuleView}, **_FIXED})
    async def put_rule(principal: MayChangeRules, name: NewNameInPath, body: RuleBody, response: Response) -> RuleView:
        """Create or replace a rule, from the next frame on. Needs the role on every stream of the rule, also before."""
        _check_same("name", body.name, name)
        rule = Rule(**body.model_dump(exclude={"origin"}) | {"name": name})
        response.status_code = 201 if await asyncio.to_thread(rules.put, name, rule, may_put(principal, rule)) else 200
        return RuleView(**rule.model_dump(), origin="api")

    @router.delete("/v1/rules/{name}", status_code=204, responses=_FIXED)
    async def delete_rule(principal: MayChangeRules, name: NameInPath) -> None:
        """Delete a rule; its open alerts end. A changed built-in rule becomes as it was. Needs the role as PUT does."""
        await asyncio.to_thread(rules.delete, name, may_delete(principal, name))

    return router


def _rule_view(rule: Rule, origin: Origin, scope: StreamScope) -> RuleView:
    seen = tuple(stream for stream in rule.streams if stream in scope)
    return RuleView(**rule.model_dump() | {"streams": seen}, origin=origin)


def _check_same(field: str, given: str, path: str) -> None:
    if given not in ("", path):
        raise BadQuery(f"{field}: {given} differs from {path} in the path")
