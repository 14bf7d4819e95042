"""The live page's first modules are named in its head, so that a browser fetches them at once, not level by level."""

from __future__ import annotations

import re
from posixpath import dirname, join, normpath

from api.pages import WEB

IMPORT = re.compile(r'^(?:import|export)\b[^;"]*"(\.[^"]+)"', re.MULTILINE)
PRELOAD = re.compile(r'<link rel="modulepreload" href="/static/([^"]+)" />')


def imported(name: str, found: set[str]) -> set[str]:
    """A module and all that it imports at once, however deep; what is imported later, by `import(…)`, is not."""
    if name not in found:
        found.add(name)
        for target in IMPORT.findall((WEB / name).read_text()):
            imported(normpath(join(dirname(name), target)), found)
    return found


def test_all_that_the_page_needs_at_once_is_named_once_and_nothing_else() -> None:
    named = PRELOAD.findall((WEB / "index.html").read_text())
    assert sorted(named) == sorted(imported("app.js", set()))
    assert len(named) > 20
