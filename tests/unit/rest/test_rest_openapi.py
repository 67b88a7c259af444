"""The description says what the routes do, and is valid OpenAPI 3.1."""

from __future__ import annotations

import json
import re

import msgspec
from litestar import Litestar
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from idlebell.model.problem import PROBLEMS
from idlebell.rest import events, ingest, legacy, openapi, operations, service, sign_ins, subscriptions, trails
from idlebell.rest.options import RestOptions

DOCUMENT = json.loads(msgspec.json.encode(openapi.document("https://push.example.org")))


def test_the_description_is_valid():
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)


def test_the_description_and_the_routes_name_the_same_calls():
    gateway: object = object()
    handlers = [
        *subscriptions.routes(gateway),  # type: ignore[arg-type]
        *trails.routes(gateway),  # type: ignore[arg-type]
        *events.routes(gateway),  # type: ignore[arg-type]
        *legacy.routes(gateway),  # type: ignore[arg-type]
        *sign_ins.routes(gateway),  # type: ignore[arg-type]
        *service.routes(gateway, RestOptions()),  # type: ignore[arg-type]
        *ingest.routes(RestOptions()),
    ]
    app = Litestar(handlers, openapi_config=None, logging_config=None)
    routed = {
        (method.lower(), re.sub(r"\{\w+(:\w+)?\}", "{id}", path))
        for route in app.routes
        for path in [route.path]
        for method in route.methods  # type: ignore[union-attr]
        if method != "OPTIONS"
    }
    assert routed == {(operation.method, operation.path) for operation in operations.OPERATIONS}


def test_every_error_is_described_as_a_problem():
    for path, calls in DOCUMENT["paths"].items():
        for method, call in calls.items():
            for status, answer in call["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (method, path, status)


def test_every_problem_that_is_named_stands_in_the_table_under_its_status():
    for operation in operations.OPERATIONS:
        assert set(operation.problems) <= set(PROBLEMS)
    told = json.dumps(DOCUMENT)
    for code in re.findall(r"/problems/([a-z-]+)", told):
        assert code in PROBLEMS


def test_secrets_are_write_only_and_answers_may_grow():
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["PasswordAuth"]["properties"]["password"]["writeOnly"] is True
    assert schemas["SubscriptionRequest"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["SubscriptionView"]
    assert "token" in schemas["Registered"]["properties"]
    assert "token" not in schemas["SubscriptionView"]["properties"]
