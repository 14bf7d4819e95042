"""/v1/users: accounts of people, for admins. Runs on the event loop."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth.grants import GrantBody, Grants, check_may_grant, check_may_manage, shown
from api.auth.people.people import People
from api.auth.people.session_routes import Password
from api.auth.people.user_store import User, UserChanges
from workers.access.declaration import Needs
from workers.access.guarded_route import GuardedRoute
from workers.access.principal import Principal

MayManageAccounts = Annotated[Principal, Depends(Needs("accounts"))]
_LAST: dict[int | str, dict[str, Any]] = {409: {"description": "It is the last admin, or was changed meanwhile."}}
UserIdInPath = Annotated[str, Path(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$", description="The person's id.")]


class NewUser(BaseModel):
    """An account to add."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    password: Password
    grants: Grants = ()


class ChangedUser(BaseModel):
    """What is left out stays. A new password signs the account out everywhere, and so does `disabled`."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    disabled: bool | None = None
    grants: Grants | None = None
    password: Password | None = None
    oidc_subject: Annotated[
        str | None,
        Field(max_length=255, description="Of the account at the provider, whose groups decide then; empty: none."),
    ] = None


class UserView(BaseModel):
    """An account."""

    id: str
    name: str
    disabled: bool
    grants: list[GrantBody]
    oidc_subject: str | None = Field(description="Of its account at the provider.")
    has_password: bool = Field(description="Otherwise it signs in at a provider only.")
    created_ns: int
    signed_in_ns: int | None

    @classmethod
    def of(cls, user: User) -> UserView:
        """As it is shown: never its password's hash."""
        return cls(
            id=user.id,
            name=user.name,
            disabled=user.disabled,
            grants=shown(user.grants),
            oidc_subject=user.subject,
            has_password=user.password_hash is not None,
            created_ns=user.created_ns,
            signed_in_ns=user.signed_in_ns,
        )


class UserList(BaseModel):
    """All accounts, by name."""

    users: list[UserView]


def user_routes(people: People) -> APIRouter:
    """Of mode accounts."""
    router = APIRouter(tags=["accounts"], route_class=GuardedRoute)

    @router.get("/v1/users")
    async def list_users(principal: MayManageAccounts) -> UserList:
        """All accounts of people."""
        return UserList(users=[UserView.of(user) for user in await people.list_users()])

    @router.post("/v1/users", status_code=201, responses={409: {"description": "The name is taken."}})
    async def add_user(principal: MayManageAccounts, body: NewUser) -> UserView:
        """Add an account. Without grants it may sign in and do nothing else."""
        grants = tuple(grant.grant() for grant in body.grants)
        check_may_grant(principal, grants)
        return UserView.of(await people.add_user(principal.id, body.name, body.password, grants))

    @router.patch("/v1/users/{user_id}", responses=_LAST)
    async def change_user(principal: MayManageAccounts, user_id: UserIdInPath, body: ChangedUser) -> UserView:
        """Change an account. The last admin can be neither disabled nor made less.

        403 for an account that may do more than one may oneself, and for grants of what one may not do.
        """
        grants = None if body.grants is None else tuple(grant.grant() for grant in body.grants)
        check_may_grant(principal, grants or ())
        changes = UserChanges(disabled=body.disabled, grants=grants, subject=body.oidc_subject)
        check = partial(_check_may_manage, principal)
        return UserView.of(await people.change_user(principal.id, user_id, changes, body.password, check))

    @router.delete("/v1/users/{user_id}", status_code=204, responses=_LAST)
    async def remove_user(principal: MayManageAccounts, user_id: UserIdInPath) -> Response:
        """Remove an account; it is signed out everywhere. 403 for one that may do more than one may oneself."""
        await people.remove_user(principal.id, user_id, partial(_check_may_manage, principal))
        return Response(status_code=204)

    return router


def _check_may_manage(principal: Principal, user: User) -> None:
    check_may_manage(principal, user.grants)
