"""`POST /v1/ask`. Runs on the event loop; reading and answering run in its executor.

Whoever sees events may ask, about the cameras whose events they see: others are as if they did not exist.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from monitoring.ask.asker import Asker, Asking
from monitoring.ask.views import AskAnswer, AskRequest
from workers.access.declaration import MaySeeEvents
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal


def asking_of(principal: Principal) -> Asking:
    """What a principal may be told: names of people to those only who may see them."""
    return Asking(principal.scope("events"), principal.scope("pictures"), principal.may("people"))


def ask_routes(asker: Asker) -> APIRouter:
    """The route of questions."""
    router = APIRouter(tags=["ask"], route_class=GuardedRoute)

    @router.post(
        "/v1/ask",
        response_model=AskAnswer,
        responses={422: {"description": "The question is too long, the time zone unknown, or the plan cannot be run."}},
    )
    async def ask_question(principal: MaySeeEvents, body: AskRequest) -> JSONResponse:
        """Answer a question in words about what is stored, from the streams that the principal may see.

        No language model is in it: a closed grammar makes a plan, which is shown, and can be sent back edited. Words
        that it does not know are in `not_used`; where they could change the answer it abstains.
        """
        return JSONResponse(await asyncio.to_thread(asker.ask, body, asking_of(principal)))

    return router
