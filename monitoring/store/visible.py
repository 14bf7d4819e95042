"""Which rows a principal may see: the one place where stream scopes become conditions on queries. Pure, but `by_name`.

Patterns are compared as `StreamScope` does it: `*` stands for any characters, everything else for itself, and case
counts. SQLite's LIKE ignores case, so GLOB is used there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, Connection, Select, String, bindparam, false, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from workers.access.principal import StreamScope

_MOST_NAMES = 64
"""Above that it is quicker to look at each row than to walk along each stream."""

_MOST_STREAMS = 1000
_FEW_STREAMS = 16
"""As many are walked along one by one; of more some will have had a row lately."""


def visible(column: ColumnElement[str], scope: StreamScope) -> tuple[ColumnElement[bool], ...]:
    """Conditions for rows whose stream, in `column`, is in the scope.

    None for the scope of everything: the query is as it would be without accounts.
    """
    if scope.everything:
        return ()
    names = [pattern for pattern in scope.patterns if "*" not in pattern]
    found = [column.in_(names)] if names else []
    return (or_(false(), *found, *(_Matches.of(column, pattern) for pattern in scope.patterns if "*" in pattern)),)


@dataclass(frozen=True, slots=True)
class StreamChoice:
    """What is left of the streams that somebody asks for: `names` (none: any) that meet `conditions`."""

    names: list[str]
    conditions: tuple[ColumnElement[bool], ...]


def choose(column: ColumnElement[str], asked: Sequence[str], scope: StreamScope) -> StreamChoice:
    """Of the streams asked for (none: of all) those in the scope; by name where possible, as names have an index."""
    if scope.everything:
        return StreamChoice(list(asked), ())
    if asked:
        seen = [name for name in asked if name in scope]
        return StreamChoice(seen, () if seen else (false(),))
    if scope and len(scope.patterns) <= _MOST_NAMES and not any("*" in pattern for pattern in scope.patterns):
        return StreamChoice(list(scope.patterns), ())
    return StreamChoice([], visible(column, scope))


def by_name(connection: Connection, column: Column[Any], asked: Sequence[str], scope: StreamScope) -> StreamScope:
    """The scope with names in place of patterns, where there are few streams: else a page without any reads all rows.

    column: of the streams, first in an index. asked: the streams that a query names itself.
    """
    if asked or scope.everything or not any("*" in pattern for pattern in scope.patterns):
        return scope
    names = list(connection.scalars(distinct_values(column).limit(_MOST_STREAMS)))
    if len(names) == _MOST_STREAMS or any("*" in name for name in names):  # such a name would be taken for a pattern
        return scope
    seen = tuple(name for name in names if name in scope)
    return StreamScope(seen) if len(seen) <= _FEW_STREAMS else scope


def distinct_values(column: Column[Any]) -> Select[Any]:
    """The values of a column that is the first of an index, along which it leaps from one to the next.

    As in https://wiki.postgresql.org/wiki/Loose_indexscan: it takes time by the values, not by the rows.
    """
    found = select(func.min(column).label("value")).cte(f"{column.name}_values", recursive=True)
    other = column.table.alias()
    after = select(func.min(other.c[column.name])).where(other.c[column.name] > found.c.value).scalar_subquery()
    found = found.union_all(select(after).where(found.c.value.is_not(None)))
    return select(found.c.value).where(found.c.value.is_not(None))


class _Matches(FunctionElement[bool]):
    """column, pattern for LIKE, pattern for GLOB → whether it matches."""

    type = Boolean()
    inherit_cache = True

    @classmethod
    def of(cls, column: ColumnElement[str], pattern: str) -> _Matches:
        """With the pattern in both notations."""
        like = pattern.replace("!", "!!").replace("%", "!%").replace("_", "!_").replace("*", "%")
        glob = pattern.replace("[", "[[]").replace("?", "[?]")
        return cls(column, *(bindparam(None, text, String()) for text in (like, glob)))


@compiles(_Matches)
def _compile_like(element: _Matches, compiler: Any, **given: Any) -> str:
    column, like, _ = element.clauses
    return f"{compiler.process(column, **given)} LIKE {compiler.process(like, **given)} ESCAPE '!'"


@compiles(_Matches, "sqlite")
def _compile_glob(element: _Matches, compiler: Any, **given: Any) -> str:
    column, _, glob = element.clauses
    return f"{compiler.process(column, **given)} GLOB {compiler.process(glob, **given)}"
