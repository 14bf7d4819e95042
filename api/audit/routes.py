"""GET /v1/audit and /v1/audit.jsonl: the trail, for admins. Run on the event loop; the database in threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import select
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse

from api.audit.entry import AuditEntry, What
from api.audit.stores import DatabaseStore
from api.audit.tables import audit_entries
from stream.config import StreamId
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute

_JSONL = "application/jsonl"


class AuditPage(BaseModel):
    """Entries, newest first. `next`: `before` of the page that follows, null at the end."""

    entries: list[AuditEntry]
    next: int | None


class AuditFaultView(BaseModel):
    """Something that is not as it was written."""

    chain: str
    text: str


class AuditVerification(BaseModel):
    """What a check of the whole trail found. `chains`: entries by process."""

    entries: int
    faults: list[AuditFaultView]
    chains: dict[str, int]


class AuditQuery(BaseModel):
    """Which entries."""

    what: list[What] | None = Field(default=None, description="What was done; repeatable: any of them will do.")
    principal: str | None = Field(default=None, max_length=200, description="Who did it: the id of a principal.")
    stream: StreamId | None = Field(default=None, description="The stream that it was done to.")
    before: int | None = Field(default=None, ge=0, le=2**63 - 1, description="Older than this: `next` of a page.")
    limit: int = Field(default=100, ge=1, le=1000, description="How many entries at most.")


def audit_routes(store: DatabaseStore) -> APIRouter:
    """The routes of the trail."""
    router = APIRouter(tags=["audit"], route_class=GuardedRoute, dependencies=[Depends(Needs("audit"))])

    @router.get("/v1/audit")
    async def list_audit(query: Annotated[AuditQuery, Query()]) -> AuditPage:
        """Who saw what, changed what, signed in or was refused."""
        return await asyncio.to_thread(_page, store, query)

    @router.get("/v1/audit/verification")
    async def verify_audit() -> AuditVerification:
        """Check every entry's place in its chain."""
        found = await asyncio.to_thread(store.verified)
        return AuditVerification(
            entries=found.entries,
            faults=[AuditFaultView(chain=fault.chain, text=fault.text) for fault in found.faults[:100]],
            chains={chain: number for chain, (number, _) in found.heads.items()},
        )

    @router.get(
        "/v1/audit.jsonl",
        response_class=StreamingResponse,
        responses={200: {"content": {_JSONL: {}}, "description": "Every entry, a line each."}},
    )
    async def export_audit() -> StreamingResponse:
        """The whole trail as JSON lines, which `livesight audit verify FILE` checks."""
        headers = {"cache-control": "no-store", "content-disposition": 'attachment; filename="audit.jsonl"'}
        return StreamingResponse(_lines(store), headers=headers, media_type=_JSONL)

    return router


async def _lines(store: DatabaseStore) -> AsyncIterator[str]:
    async for line in iterate_in_threadpool(store.lines()):
        yield f"{line}\n"


def _page(store: DatabaseStore, query: AuditQuery) -> AuditPage:
    where: list[Any] = []
    if query.what:
        where.append(audit_entries.c.what.in_(query.what))
    if query.principal is not None:
        where.append(audit_entries.c.principal == query.principal)
    if query.stream is not None:
        where.append(audit_entries.c.stream == query.stream)
    if query.before is not None:
        where.append(audit_entries.c.at_ns < query.before)
    newest = select(audit_entries.c.body, audit_entries.c.at_ns).where(*where).order_by(audit_entries.c.at_ns.desc())
    rows = store.rows(newest.limit(query.limit + 1))
    shown = rows[: query.limit]
    if len(rows) > query.limit:  # entries of one moment stay together, so that `before` leaves none out
        moment = rows[-1].at_ns
        shown = [row for row in shown if row.at_ns > moment] or store.rows(
            newest.where(audit_entries.c.at_ns == moment)
        )
    entries = [AuditEntry.model_validate_json(row.body) for row in shown]
    return AuditPage(entries=entries, next=int(shown[-1].at_ns) if len(rows) > query.limit else None)
