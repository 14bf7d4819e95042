"""Who somebody is called, wherever that is said: in an answer, in a message that is sent. Pure.

What is stored has ids only, in texts as `{person:ID}`, so that to erase a person is to erase one row. A text is told to
whoever may see names by `named`; to others, by `unnamed`, a person is somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from workers.access.principal import Principal, StreamScope

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

    def ids(self, text: str) -> tuple[str, ...]:
        """All ids that count as the person of that id or name, whatever its case; empty for nobody."""
        ...

    def group(self, name: str) -> frozenset[str]:
        """All ids that count as somebody of a group, whatever its case."""
        ...

    def all(self) -> tuple[Known, ...]:
        """All of them; the same object until something changes."""
        ...


class Nobody:
    """KnownPeople where nobody is enrolled."""

    def name_of(self, person_id: str) -> str | None:
        """See KnownPeople."""
        return None

    def ids(self, text: str) -> tuple[str, ...]:
        """See KnownPeople."""
        return ()

    def group(self, name: str) -> frozenset[str]:
        """See KnownPeople."""
        return frozenset()

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


@dataclass(frozen=True, slots=True)
class ToldNames:
    """The names that one answer tells: of those who are known, where something was seen on a stream in the scope."""

    people: KnownPeople
    scope: StreamScope

    @classmethod
    def to(cls, principal: Principal, people: KnownPeople) -> ToldNames:
        """What a principal may be told."""
        return cls(people, principal.scope("people"))

    def of(self, stream_id: str, ids: Iterable[str | None]) -> dict[str, str]:
        """Id → name of those who were seen on a stream."""
        return names_of(self.people, ids) if stream_id in self.scope else {}

    def text(self, stream_id: str, text: str | None) -> str | None:
        """A stored text about a stream."""
        if text is None:
            return None
        return named(text, self.people) if stream_id in self.scope else unnamed(text)

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An event, JSON-ready, as it is answered: `text` for people, and `names`."""
        text, stream_id = event.get("text"), str(event["stream_id"])
        ids = {event.get("person"), *mentioned(text)}
        if event["kind"] == "identified":
            ids.add(event.get("before"))
        told = {"text": self.text(stream_id, text), "names": self.of(stream_id, ids)}
        return {**event, **told}

    def asked(self, words: Sequence[str]) -> list[str]:
        """The ids that a filter by people means: of a merged person all that count as theirs. Names are understood of
        whoever may be told all; else what is found by a name would tell whose id it is.
        """
        found: list[str] = []
        for word in words:
            ids = self.people.ids(word)
            is_id = word in ids
            found += ids if ids and (is_id or self.scope.everything) else [word]
        return list(dict.fromkeys(found))


def all_names(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The `names` of all items of an answer."""
    return {person_id: name for item in items for person_id, name in item["names"].items()}


UNTOLD_TO_ALL = ToldNames(NOBODY, StreamScope(()))
"""No names at all."""
