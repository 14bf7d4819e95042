"""/v1/service-accounts: programs that use the API, and their keys. Runs on the event loop; the database in threads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.auth.accounts_database import AccountsDatabase
from api.auth.grants import GrantBody, Grants, check_may_grant, check_may_manage, shown
from api.auth.machines import service_accounts as store
from api.auth.machines.service_accounts import KeyLifetime, KeyRecord, ServiceAccount
from api.auth.machines.stored_keys import NAME
from workers.access.declaration import CurrentPrincipal, Needs
from workers.access.guarded_route import GuardedRoute
from workers.database.database import Database

_NS = 1_000_000_000
_Id = Annotated[str, Path(max_length=64, description="The service account's id.")]
_KeyId = Annotated[str, Path(max_length=64, description="The key's id, as the account lists it.")]
_Name = Annotated[str, Field(pattern=NAME)]
_TAKEN: dict[int | str, dict[str, Any]] = {409: {"description": "The name is taken, or there are as many as may be."}}


class KeyView(BaseModel):
    """A key, without its secret. `prefix`: how it begins. `last_used_at` may be five minutes old."""

    id: str
    name: str
    prefix: str
    state: store.KeyState
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class ServiceAccountView(BaseModel):
    """A program that uses the API."""

    id: str
    name: str
    disabled: bool
    grants: list[GrantBody]
    created_at: datetime
    keys: list[KeyView]


class ServiceAccountList(BaseModel):
    """All of them, by name."""

    service_accounts: list[ServiceAccountView]


class NewServiceAccount(BaseModel):
    """The account to make."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    name: _Name
    grants: Grants = ()


class ServiceAccountChanges(BaseModel):
    """The fields to change; the others stay, and so does what is null."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", json_schema_extra={"minProperties": 1})

    name: _Name | None = None
    grants: Grants | None = None
    disabled: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> ServiceAccountChanges:
        if not self.model_fields_set:
            raise ValueError("give a value for at least one of name, grants, disabled")
        return self


class KeyWish(BaseModel):
    """The key to make. `days` null: auth.key_days; 0: for ever, where auth.key_days_max is null."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    name: _Name
    days: int | None = Field(default=None, ge=0, le=36500, description="How long it works; at most auth.key_days_max.")


class ShownKey(KeyView):
    """A key that was just made; `key` is never shown again."""

    key: str


def service_account_routes(accounts: AccountsDatabase, changed: Callable[[], None], lifetime: KeyLifetime) -> APIRouter:
    """The router. `changed` is called after each change: what was remembered of keys is out of date."""
    router = APIRouter(tags=["accounts"], route_class=GuardedRoute, dependencies=[Depends(Needs("accounts"))])

    async def change(call: Callable[[Database], Any]) -> Any:
        try:
            return await accounts.run(call)
        finally:
            changed()

    _account_routes(router, accounts, change)
    _key_routes(router, change, lifetime)
    return router


def _account_routes(router: APIRouter, accounts: AccountsDatabase, change: Callable[..., Any]) -> None:
    @router.get("/v1/service-accounts")
    async def list_service_accounts() -> ServiceAccountList:
        """All service accounts with their keys."""
        return ServiceAccountList(service_accounts=[_account(one) for one in await accounts.run(store.accounts)])

    @router.post("/v1/service-accounts", status_code=201, responses=_TAKEN)
    async def add_service_account(
        principal: CurrentPrincipal, response: Response, wish: Annotated[NewServiceAccount, Body()]
    ) -> ServiceAccountView:
        """Make an account for a program; it has no key yet. 409 when the name is taken."""
        grants = [body.grant() for body in wish.grants]
        check_may_grant(principal, grants)
        made = await change(partial(store.add_account, name=wish.name, grants=grants))
        response.headers["location"] = f"/v1/service-accounts/{made.id}"
        return _account(made)

    @router.get("/v1/service-accounts/{account_id}")
    async def get_service_account(account_id: _Id) -> ServiceAccountView:
        """One of them."""
        return _account(await accounts.run(partial(store.account, account_id=account_id)))

    @router.patch("/v1/service-accounts/{account_id}", responses=_TAKEN)
    async def change_service_account(
        principal: CurrentPrincipal, account_id: _Id, changes: ServiceAccountChanges
    ) -> ServiceAccountView:
        """Rename it, change what it may do, disable or enable it. 403 where it may do more than one may oneself."""
        grants = None if changes.grants is None else [body.grant() for body in changes.grants]
        check_may_grant(principal, grants or ())
        call = partial(
            store.change_account, account_id=account_id, name=changes.name, grants=grants, disabled=changes.disabled
        )
        return _account(await change(partial(call, check=partial(check_may_manage, principal))))

    @router.delete("/v1/service-accounts/{account_id}", status_code=204)
    async def remove_service_account(principal: CurrentPrincipal, account_id: _Id) -> None:
        """Delete it and its keys. 403 where it may do more than one may oneself."""
        check = partial(check_may_manage, principal)
        await change(partial(store.remove_account, account_id=account_id, check=check))


def _key_routes(router: APIRouter, change: Callable[..., Any], lifetime: KeyLifetime) -> None:
    @router.post("/v1/service-accounts/{account_id}/keys", status_code=201, responses=_TAKEN)
    async def add_key(
        principal: CurrentPrincipal, response: Response, account_id: _Id, wish: Annotated[KeyWish, Body()]
    ) -> ShownKey:
        """Make a key; this answer is the only place where it is shown.

        403 where the account may do more than one may oneself.
        """
        make = partial(store.add_key, account_id=account_id, name=wish.name, ends_ns=lifetime.ends_ns(wish.days))
        made, record = await change(partial(make, check=partial(check_may_manage, principal)))
        response.headers["cache-control"] = "no-store"
        return ShownKey(**key_view(record).model_dump(), key=made.text)

    @router.delete("/v1/service-accounts/{account_id}/keys/{key_id}", status_code=204)
    async def revoke_key(principal: CurrentPrincipal, account_id: _Id, key_id: _KeyId) -> None:
        """Revoke a key. Requests with it are refused at once here, within five seconds in other processes.

        403 where the account may do more than one may oneself.
        """
        check = partial(check_may_manage, principal)
        await change(partial(store.revoke_key, key_id=key_id, account_id=account_id, check=check))


def key_view(key: KeyRecord) -> KeyView:
    """As it is shown."""
    return KeyView(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        state=store.state_of(key),
        created_at=_utc(key.created_ns),
        expires_at=None if key.ends_ns is None else _utc(key.ends_ns),
        last_used_at=None if key.used_ns is None else _utc(key.used_ns),
        revoked_at=None if key.revoked_ns is None else _utc(key.revoked_ns),
    )


def _account(one: ServiceAccount) -> ServiceAccountView:
    return ServiceAccountView(
        id=one.id,
        name=one.name,
        disabled=one.disabled,
        grants=shown(one.grants),
        created_at=_utc(one.created_ns),
        keys=[key_view(key) for key in one.keys],
    )


def _utc(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // _NS, UTC)
