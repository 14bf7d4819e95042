"""What the live page's head names is there, made of the modules as they are, and all that the first picture needs."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from api.routes.pages import WEB

ROOT = Path(__file__).resolve().parents[2]
IMPORT = re.compile(r'^(?:import|\} from)\b[^;"]*"\./([^"]+)"', re.MULTILINE)
NAMED = re.compile(r'<link rel="modulepreload" href="/static/built/([^"]+)" />')
SCRIPT = re.compile(r'<script type="module" src="/static/built/([^"]+)"></script>')


def test_the_bundles_are_of_the_modules_as_they_are() -> None:
    digest = runpy.run_path(str(ROOT / "deployment" / "web.py"))["digest"]()
    for path in sorted((WEB / "built").iterdir()):
        assert digest in path.read_text().splitlines()[0], f"{path.name} is old: make web"


def test_the_page_names_all_that_it_needs_at_once_and_nothing_else() -> None:
    page = (WEB / "index.html").read_text()
    [script] = SCRIPT.findall(page)
    needed = {script, *IMPORT.findall((WEB / "built" / script).read_text())}
    for name in needed - {script}:
        assert not IMPORT.findall((WEB / "built" / name).read_text()), f"{name} imports more: name that too"
    assert sorted(NAMED.findall(page)) == sorted(needed)
    assert len(needed) == 2


def test_what_needs_an_action_is_hidden_from_those_who_may_not() -> None:
    sources = "".join(path.read_text() for path in (WEB / "index.html", *WEB.glob("*.js")))
    needed = set(re.findall(r'needs(?:: |=)"([a-z]+)"', sources))
    styles = (WEB / "account.css").read_text()
    assert {"cameras", "models"} <= needed
    for action in needed:
        hidden = f'body[data-may]:not([data-may~="{action}"]) [data-needs="{action}"]'
        assert hidden in styles, f"account.css does not hide what needs {action}"
