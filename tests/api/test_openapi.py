"""The OpenAPI document of the whole application: valid, whole, and true of each operation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import jsonschema
import pytest
from starlette.routing import compile_path

from api.auth.plain_paths import path_fault
from deployment.authorization import whole_application

Operations = dict[str, dict[str, Any]]
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    with whole_application() as application:
        made: dict[str, Any] = json.loads(json.dumps(application.openapi()))
    return made


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> Operations:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def within(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from within(member)
    elif isinstance(value, list):
        for item in value:
            yield from within(item)


def schemas(document: dict[str, Any], operations: Operations) -> Iterator[dict[str, Any]]:
    yield from document["components"]["schemas"].values()
    for operation in operations.values():
        yield from (one["schema"] for one in operation.get("parameters", ()))
        for response in [*operation["responses"].values(), operation.get("requestBody", {})]:
            yield from (content["schema"] for content in response.get("content", {}).values() if "schema" in content)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = [one["$ref"] for one in within(document) if isinstance(one.get("$ref"), str)]
    assert len(references) > 300
    for reference in references:
        found: Any = document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name.replace("~1", "/").replace("~0", "~")]


def test_schemas_are_schemas_and_examples_and_defaults_are_valid(
    document: dict[str, Any], operations: Operations
) -> None:
    shown = 0
    for schema in schemas(document, operations):
        jsonschema.Draft202012Validator.check_schema(schema)
        for one in within(schema):
            if not isinstance(one.get("type", one.get("anyOf", one.get("$ref"))), str | list):
                continue
            for value in [*(one.get("examples") or ()), *([one["default"]] if "default" in one else [])]:
                jsonschema.validate(value, {**one, "components": document["components"]})
                shown += 1
    assert shown > 50


def test_each_operation_says_what_may_go_wrong(operations: Operations) -> None:
    assert len(operations) > 70
    for name, operation in operations.items():
        told = operation["responses"].keys()
        wanted = {"400", "401", "403", "421", "422", "503"}
        wanted |= {"404"} if "{" in name else set()
        wanted |= {"408", "413", "415"} if "requestBody" in operation else set()
        wanted |= set() if name.endswith(("/healthz", "/readyz", "/health")) else {"429"}
        assert wanted <= told, f"{name}: {wanted - told}"
        assert any(status < "400" for status in told), name
        for status, response in operation["responses"].items():
            assert response["description"]
            if status >= "400":
                assert "application/problem+json" in response["content"], f"{name} {status}"


def test_answers_with_a_body_say_of_which_media_type(operations: Operations) -> None:
    for name, operation in operations.items():
        for status, response in operation["responses"].items():
            if status in ("200", "201", "202", "206") and not name.startswith(("OPTIONS", "DELETE /v1/streams")):
                assert response.get("content"), f"{name} {status}"


def test_operations_have_words_of_their_own_and_ids_that_read_as_names(operations: Operations) -> None:
    """Generators name methods by them: what is done, to what, and nothing of the path's spelling."""
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(set(ids)) == len(ids)
    for name, operation in operations.items():
        method = name.partition(" ")[0].lower()
        assert operation.get("description") and operation["tags"], name
        assert re.fullmatch(r"[a-z]+(_[a-z]+){1,4}", operation["operationId"]), f"{name}: {operation['operationId']}"
        assert not re.search(rf"_v\d|_{method}$", operation["operationId"]), f"{name}: {operation['operationId']}"
    assert operations["GET /v1/streams"]["operationId"] == "list_streams"


def test_parameters_say_what_they_are_and_bodies_what_they_are_made_of(
    document: dict[str, Any], operations: Operations
) -> None:
    assert document["servers"] == [{"url": "/", "description": "Whoever serves this document."}]
    for name, operation in operations.items():
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description", "").endswith("."), f"{name}: {parameter['name']}"
        for status, answer in [*operation["responses"].items(), ("body", operation.get("requestBody", {}))]:
            for media_type, content in answer.get("content", {}).items():
                assert content.get("schema"), f"{name} {status} {media_type}"


def test_files_are_bytes_and_lines_are_text(operations: Operations) -> None:
    def answered(name: str, media_type: str) -> Any:
        return operations[name]["responses"]["200"]["content"][media_type]["schema"]

    for name, media_type in (
        ("GET /v1/snapshots/{number}", "image/jpeg"),
        ("GET /v1/clips/{number}", "video/webm"),
        ("GET /v1/streams/{stream_id}/mjpeg", "multipart/x-mixed-replace"),
    ):
        assert answered(name, media_type) == {"type": "string", "format": "binary"}
    for name, media_type in (("GET /v1/audit.jsonl", "application/jsonl"), ("GET /v1/events.csv", "text/csv")):
        assert answered(name, media_type) == {"type": "string"}


def test_an_event_stream_is_held_against_its_schema_as_a_whole_and_event_by_event(operations: Operations) -> None:
    for name in ("GET /v1/events/live", "GET /v1/tracks/live"):
        schema = operations[name]["responses"]["200"]["content"]["text/event-stream"]["schema"]
        for one in ("data: {}\n\n", {"data": "{}", "id": "01"}):
            jsonschema.validate(one, schema)


def test_texts_in_paths_are_held_to_what_is_read_there(operations: Operations) -> None:
    """What the schema allows is a plain path, and what is none the schema does not allow."""
    held = 0
    for name, operation in operations.items():
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            if parameter["in"] != "path" or schema.get("type") != "string" or "format" in schema:
                continue
            held += 1
            for text in ("a\x01", "a\x7f", "a\\b", "a/b", ".", "..", ""):
                assert not re.search(schema["pattern"], text), f"{name}: {parameter['name']} {text!r}"
                assert path_fault(f"/v1/{text}/x") or "/" in text
    assert held > 20


def test_a_text_in_a_path_without_a_form_of_its_own_may_be_whatever_is_read_there(operations: Operations) -> None:
    """A session named `.³` was answered, though the document had no name begin with a dot."""
    whip = operations["OPTIONS /v1/streams/{stream_id}/whip/{session_id}"]
    pattern = next(one["schema"]["pattern"] for one in whip["parameters"] if one["name"] == "session_id")
    for text in (*map("".join, product((".", "a", "³"), repeat=3)), ".", "..", ".a", "a.", "..a", "…", "...."):
        assert bool(re.search(pattern, text)) == (path_fault(f"/v1/{text}") is None), text


def test_no_rule_has_the_name_that_trying_one_needs(operations: Operations) -> None:
    name = next(one for one in operations["PUT /v1/rules/{name}"]["parameters"] if one["name"] == "name")
    assert not jsonschema.Draft202012Validator(name["schema"]).is_valid("try")
    jsonschema.validate("tryout", name["schema"])


def test_whip_is_told_whole(operations: Operations) -> None:
    offer = operations["POST /v1/streams/{stream_id}/whip"]
    assert offer["requestBody"]["content"].keys() == {"application/sdp"}
    assert offer["responses"]["201"]["content"].keys() == {"application/sdp"}
    assert {"Location", "ETag", "Link"} <= offer["responses"]["201"]["headers"].keys()
    trickle = operations["PATCH /v1/streams/{stream_id}/whip/{session_id}"]
    assert trickle["requestBody"]["content"].keys() == {"application/trickle-ice-sdpfrag"}
    assert "if-match" in {one["name"] for one in trickle["parameters"]}


def test_no_object_that_is_sent_may_have_members_that_nobody_knows(
    document: dict[str, Any], operations: Operations
) -> None:
    for name, operation in operations.items():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        for one in within(body):
            if "$ref" in one:
                schema = document["components"]["schemas"][one["$ref"].rpartition("/")[2]]
                assert schema["additionalProperties"] is False, name


def test_a_path_has_the_operations_of_all_paths_that_match_it(document: dict[str, Any]) -> None:
    """`/v1/streams/test` may be a stream too: what `Allow` names there is described there."""
    paths = document["paths"]
    for path, item in paths.items():
        if "{" not in path:
            matching = [of for name, of in paths.items() if compile_path(name)[0].match(path)]
            assert item.keys() == {method for of in matching for method in of}, path
    assert paths["/v1/streams/test"].keys() == {"get", "patch", "delete", "post"}
    names = [operation["operationId"] for item in paths.values() for operation in item.values()]
    assert len(names) == len(set(names))
