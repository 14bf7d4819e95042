"""Who somebody is called, wherever that is said: in an answer, in a message that is sent. Pure.

What is stored has ids only, in texts as `{person:ID}`, so that to erase a person is to erase one row. A text is told to
whoever may see names by `named`; to others, by `unnamed`, a person is somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

ERASED = "somebody who was erased"
UNTOLD = "somebody who is known"
_MENTION = re.compile(r"\{person:([^{}\s]{1,200})\}")


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who is enrolled."""

    id: str
    name: str
    groups: tuple[str, ...] = ()


class KnownPeople(Protocol):
    """Those who are enrolled now. Any thread; never blocks, as the monitor asks for each result."""

    def name_of(self, person_id: str) -> str | None:
        """What somebody is called; None for somebody who is not enrolled, or no longer."""
        ...

    def all(self) -> tuple[Known, ...]:
        """All of them; the same object until something changes."""
        ...


class Nobody:
    """KnownPeople where nobody is enrolled."""

    def name_of(self, person_id: str) -> str | None:
        """See KnownPeople."""
        return None

    def all(self) -> tuple[Known, ...]:
        """See KnownPeople."""
        return ()


NOBODY = Nobody()


def mention(person_id: str) -> str:
    """Somebody, in a text that is stored."""
    return f"{{person:{person_id}}}"


def mentioned(text: str | None) -> set[str]:
    """The ids of those whom a stored text mentions."""
    return set() if text is None else set(_MENTION.findall(text))


def named(text: str, people: KnownPeople) -> str:
    """A stored text with names; whoever is enrolled no longer is somebody who was erased."""
    return _MENTION.sub(lambda found: people.name_of(found[1]) or ERASED, text)


def unnamed(text: str) -> str:
    """A stored text for whoever may not see names."""
    return _MENTION.sub(UNTOLD, text)


def names_of(people: KnownPeople, ids: Iterable[str | None]) -> dict[str, str]:
    """Id → name of those of them who are enrolled."""
    found = {one: people.name_of(one) for one in ids if one is not None}
    return {one: name for one, name in found.items() if name is not None}


def members(people: KnownPeople, groups: Iterable[str]) -> frozenset[str]:
    """The ids of all who are in one of these groups; case does not count."""
    wanted = {group.casefold() for group in groups}
    return frozenset(one.id for one in people.all() if not wanted.isdisjoint(map(str.casefold, one.groups)))


def by_name(people: KnownPeople, asked: Iterable[str]) -> list[str]:
    """Ids for ids and names, as filters take both; case does not count. A word that nobody is called stays as it is."""
    ids: Mapping[str, str] = {one.name.casefold(): one.id for one in people.all()}
    return [ids.get(one.casefold(), one) for one in asked]
