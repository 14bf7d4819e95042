"""Asks every operation of the HTTP interface with schemathesis: right, wrong and odd requests, for some minutes.

    python deployment/fuzz/operations.py [--seconds S] [--url URL --key KEY] [… of schemathesis]

Any answer that is a 5xx, or that the OpenAPI document does not say, is a finding; so is a wrong request that is
accepted, a right one that is refused, and one without credentials that is answered. First as an admin, then without
credentials. Exit code 0 when nothing was found; else schemathesis says what to send again with curl.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import structlog

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

try:
    from openapi_spec_validator import validate
except ModuleNotFoundError:
    sys.exit("what `make fuzz-http` needs is not installed; run: pip install -c constraints.txt -e '.[fuzz]'")

from deployment.fuzz.service import ADMIN, serving  # noqa: E402

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def ask(url: str, key: str | None, seconds: int, more: list[str]) -> int:
    """One run of schemathesis; its exit code. `key`: None for nobody."""
    configuration = CONFIGURATION.read_text(encoding="utf-8")
    left_out = ["use_after_free"]  # requests_made.py has it, as `deleted_is_gone`, which knows what is there afterwards
    checks = ["--checks", "all"]
    if key is None:
        left_out += ["positive_data_acceptance", "negative_data_rejection"]
        checks += ["--phases", "coverage"]
    else:
        configuration += f"\n[auth.openapi]\nkey = {{ api_key = {json.dumps(key)} }}\n"
    hooks = {"SCHEMATHESIS_HOOKS": "deployment.fuzz.requests_made", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:  # schemathesis writes into where it runs
        told = Path(folder) / "schemathesis.toml"
        told.write_text(configuration, encoding="utf-8")
        arguments = [str(SCHEMATHESIS), "--config-file", str(told), "run", f"{url}/openapi.json", "--url", url]
        arguments += ["--max-time", str(seconds), "--generation-database", "none", *checks]
        arguments += ["--exclude-checks", ",".join(left_out), *more]
        return subprocess.run(arguments, cwd=folder, env={**os.environ, **hooks}, check=False).returncode


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--url", help="of a service that runs; default: one is started")
    parser.add_argument("--key", default=ADMIN)
    options, more = parser.parse_known_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # the answers tell
    with ExitStack() as stack:
        url = options.url or stack.enter_context(serving()).url
        validate(httpx.get(f"{url}/openapi.json", timeout=60).json())  # raises what is not OpenAPI 3.1
        codes = [ask(url, options.key, options.seconds, more), ask(url, None, max(60, options.seconds // 6), more)]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
