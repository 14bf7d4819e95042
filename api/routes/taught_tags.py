"""Tags that a camera is taught by examples. Runs on the event loop; learning in the loop's executor.

An example is the newest analysed frame of the camera, as others see it: of a stream with blur, blurred.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.errors import Problem
from api.http.parameters import StreamIdInPath
from api.routes.context import Context
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute
from workers.taught.tag_model import stretches
from workers.taught.taught_tags import TagName, TaughtTag

router = APIRouter(tags=["tags"], route_class=GuardedRoute)
_READS, _TEACHES = [Depends(Needs("results"))], [Depends(Needs("zones"))]

TagInPath = Annotated[TagName, Path(description="What the tag says.", examples=["gate open"])]


class ShownExample(BaseModel):
    """Whether the camera's newest frame shows what the tag says."""

    model_config = ConfigDict(extra="forbid")

    present: bool = Field(description="true: it does, false: it does not.")


class TagTest(BaseModel):
    """How often the tag was right about frames of stretches of time that it had not learnt from; 0 to 1."""

    model_config = ConfigDict(allow_inf_nan=False)

    f1: float
    precision: float = Field(description="Of the frames that it said, how many had it.")
    recall: float = Field(description="Of the frames that had it, how many it said.")
    folds: int


class ExampleCount(BaseModel):
    """Examples of one kind. Frames less than 10 s apart are one stretch."""

    frames: int
    stretches: int


class TaughtTagView(BaseModel):
    """A tag as it stands. Results carry it as `taught:NAME` while it is served."""

    name: str
    present: ExampleCount
    absent: ExampleCount
    test: TagTest | None = Field(description="null while there are too few examples.")
    served: bool = Field(description="Only with an F1 above 0.8.")
    why: str | None = Field(description="What it lacks to be served, in words.")


class TaughtTagList(BaseModel):
    """The tags of a camera, by name."""

    tags: list[TaughtTagView]


@router.get("/v1/streams/{stream_id}/tags", dependencies=_READS)
async def list_taught_tags(context: Context, stream_id: StreamIdInPath) -> TaughtTagList:
    """The tags that this camera was taught, with how well it knows them."""
    context.node.streams.view(stream_id)
    found = await asyncio.to_thread(context.node.tags.of, stream_id)
    return TaughtTagList(tags=[_view(tag) for tag in found])


@router.post("/v1/streams/{stream_id}/tags/{name}/examples", dependencies=_TEACHES)
async def add_tag_example(
    context: Context, stream_id: StreamIdInPath, name: TagInPath, body: ShownExample
) -> TaughtTagView:
    """Teach the camera: its newest frame shows what the tag says, or does not.

    No picture is kept, only key points and coarse colours. The tag is learnt and tested anew at each example.
    """
    newest = context.node.streams.latest(stream_id)
    if newest is None:
        detail = f"no frame of stream {stream_id} was analysed yet; try again later"
        raise Problem("no-picture", detail, headers={"retry-after": "1"})
    return _view(await asyncio.to_thread(context.node.tags.add, newest[0], name, body.present))


@router.delete("/v1/streams/{stream_id}/tags/{name}", status_code=204, dependencies=_TEACHES)
async def delete_taught_tag(context: Context, stream_id: StreamIdInPath, name: TagInPath) -> Response:
    """Forget a tag and its examples."""
    context.node.streams.view(stream_id)
    await asyncio.to_thread(context.node.tags.remove, stream_id, name)
    return Response(status_code=204)


def _view(tag: TaughtTag) -> TaughtTagView:
    present, absent = (stretches(tag.examples, which) for which in (True, False))
    figures = tag.figures
    return TaughtTagView(
        name=tag.name,
        present=ExampleCount(frames=sum(map(len, present)), stretches=len(present)),
        absent=ExampleCount(frames=sum(map(len, absent)), stretches=len(absent)),
        test=None
        if figures is None
        else TagTest(f1=figures.f1, precision=figures.precision, recall=figures.recall, folds=figures.folds),
        served=tag.model is not None,
        why=tag.why,
    )
