"""Patterns of streams: what they match, and that no pattern takes long."""

from __future__ import annotations

import fnmatch
import itertools
import threading

import pytest
from pydantic import TypeAdapter, ValidationError

from api.auth.grants import MOST_PATTERNS, Grants
from workers.access.principal import StreamScope


def test_patterns_match_as_fnmatch_does() -> None:
    ids = ["".join(one) for length in range(1, 6) for one in itertools.product("ab", repeat=length)]
    patterns = {"".join(one) for length in range(1, 5) for one in itertools.product("ab*", repeat=length)}
    for pattern in patterns:
        scope = StreamScope((pattern,))
        assert [one in scope for one in ids] == [fnmatch.fnmatchcase(one, pattern) for one in ids], pattern


def test_a_pattern_of_many_stars_answers_at_once() -> None:
    scope, answers = StreamScope(("*a" * 31 + "*b",)), []
    asked = threading.Thread(target=lambda: answers.append("a" * 63 in scope), daemon=True)
    asked.start()
    asked.join(20)
    assert answers == [False]


def test_a_principal_has_so_many_patterns() -> None:
    grants: TypeAdapter[Grants] = TypeAdapter(Grants)
    one = {"role": "viewer", "streams": [f"cam-{number}" for number in range(100)]}
    assert len(grants.validate_python([one] * (MOST_PATTERNS // 100))) == MOST_PATTERNS // 100
    with pytest.raises(ValidationError, match=f"{MOST_PATTERNS} at most"):
        grants.validate_python([one] * (MOST_PATTERNS // 100 + 1))
