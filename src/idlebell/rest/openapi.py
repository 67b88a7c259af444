"""The API's description (OpenAPI 3.1), made from one table of operations and the shapes that are really decoded.

A test holds the table against the routes, so neither can have what the other lacks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec

from idlebell import __version__
from idlebell.gateway import shapes
from idlebell.model.problem import PROBLEMS
from idlebell.rest.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX
from idlebell.rest.problems import MEDIA_TYPE, ProblemBody

REF = "#/components/schemas/{name}"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain"

# What the intake may answer to any request, and to any with a body.
ALWAYS = ("host-not-served", "headers-too-large", "too-many-requests", "internal")
WITH_BODY = (
    "malformed-json",
    "invalid-request",
    "body-too-large",
    "request-timeout",
    "unsupported-media-type",
    "origin-not-allowed",
)
ONE = ("unauthorized", "not-found")
ACCOUNT = (
    "authentication-failed",
    "app-password-needed",
    "imap-not-enabled",
    "unreachable",
    "tls-failed",
    "not-imap",
    "throttled",
    "no-such-mailbox",
    "protocol-error",
    "server-error",
    "session-lost",
)
REGISTRATION = (
    "unauthorized",
    "forbidden",
    "needs-tls",
    "conflict",
    "credentials-needed",
    "host-unconfirmed",
    "endpoint-not-allowed",
    "endpoint-unverified",
    "vapid-subject-missing",
    "store-unavailable",
    "overloaded",
    *ACCOUNT,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """``answers``: status to description and name of a schema. ``body``: name of a schema."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    answers: Mapping[int, tuple[str, str | None]]
    description: str = ""
    body: str | None = None
    body_types: tuple[str, ...] = (JSON,)
    problems: tuple[str, ...] = ()
    security: tuple[str, ...] = ()
    """Any one of these is enough. ``-``: none is needed where registration is open."""
    answer_type: str = JSON
    parameters: tuple[str, ...] = field(default=())


TOKEN, KEY, OPEN, BASIC = "token", "api_key", "-", "basic"
_SUBSCRIPTION = "/v1/subscriptions/{id}"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/v1/subscriptions",
        "subscribe",
        "Subscriptions",
        "Watch an account and ring an endpoint",
        {
            200: ("The same key again: renewed", "Registered"),
            201: ("Watching", "Registered"),
            202: ("Still connecting", "Registered"),
        },
        "The same key (API key, host, port, user name, first new_mail endpoint) again renews the lease; members that are "
        "present replace, absent ones are kept. Every registration shows its right to the account by its credentials or by "
        "the subscription's own token. With wait_seconds the answer waits for the first verdict of the mail server.",
        "SubscriptionRequest",
        problems=REGISTRATION,
        security=(OPEN, KEY, TOKEN),
    ),
    Operation(
        "get",
        "/v1/subscriptions",
        "list",
        "Subscriptions",
        "All subscriptions of an API key",
        {200: ("One page", "Page")},
        problems=("unauthorized", "forbidden", "invalid-request", "store-unavailable"),
        security=(KEY,),
        parameters=("cursor", "limit"),
    ),
    Operation(
        "get",
        _SUBSCRIPTION,
        "show",
        "Subscriptions",
        "How a subscription stands",
        {200: ("The subscription, without its token", "SubscriptionView")},
        problems=(*ONE, "store-unavailable"),
        security=(TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "patch",
        _SUBSCRIPTION,
        "change",
        "Subscriptions",
        "Change a subscription",
        {200: ("The subscription as it is now", "SubscriptionView")},
        "JSON Merge Patch (RFC 7396): absent members are kept, null is the default.",
        "SubscriptionPatch",
        ("application/merge-patch+json", JSON),
        (
            *ONE,
            "needs-tls",
            "conflict",
            "credentials-needed",
            "endpoint-not-allowed",
            "endpoint-unverified",
            "vapid-subject-missing",
            "store-unavailable",
            "overloaded",
            *ACCOUNT,
        ),
        (TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "delete",
        _SUBSCRIPTION,
        "end",
        "Subscriptions",
        "End a subscription",
        {204: ("Ended; the IMAP session is logged out when nobody else uses it", None)},
        problems=(*ONE, "origin-not-allowed", "store-unavailable"),
        security=(TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "put",
        f"{_SUBSCRIPTION}/credentials",
        "resupply",
        "Subscriptions",
        "Send credentials again",
        {
            200: ("Watching again", "SubscriptionView"),
            202: ("Still connecting", "SubscriptionView"),
        },
        "What an app sends when it was told to reconnect. Refused, the subscription stays as it was.",
        "CredentialsRequest",
        problems=(*ONE, "needs-tls", "store-unavailable", "overloaded", *ACCOUNT),
        security=(TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "post",
        f"{_SUBSCRIPTION}/test",
        "test",
        "Subscriptions",
        "Ring the endpoint now",
        {200: ("What the push service said, also where the push failed", "TestView")},
        problems=(*ONE, "origin-not-allowed", "conflict", "endpoint-unverified", "store-unavailable", "overloaded"),
        security=(TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "get",
        "/v1/vapid",
        "vapid",
        "Web Push",
        "The application server key",
        {200: ("For PushManager.subscribe", "VapidKey")},
        problems=("store-unavailable",),
    ),
    Operation(
        "get",
        "/v1/stats",
        "stats",
        "Operation",
        "Sessions, subscriptions and notifications by state",
        {200: ("Numbers", "Stats")},
        problems=("unauthorized", "forbidden", "store-unavailable"),
        security=(KEY,),
    ),
    Operation(
        "post",
        "/register",
        "register",
        "Form of 2013",
        "Register as in 2013",
        {
            200: ("A repeat: credentials sent again", "Registered"),
            201: ("Watching", "Registered"),
            202: ("Still connecting", "Registered"),
        },
        "SimplePush, retention session, a wait of 10 seconds. IMAPServer is host[:port]: 993 with TLS from the first byte by "
        "default, 143 with STARTTLS.",
        "RegisterRequest",
        (FORM, JSON),
        REGISTRATION,
        (OPEN, BASIC, KEY),
    ),
    Operation(
        "post",
        "/unregister",
        "unregister",
        "Form of 2013",
        "End what was registered as in 2013",
        {204: ("Ended", None)},
        body="UnregisterRequest",
        body_types=(FORM, JSON),
        problems=(*ONE, "needs-tls", "store-unavailable", "overloaded", *ACCOUNT),
        security=(OPEN, BASIC, KEY, TOKEN),
    ),
    Operation("get", "/healthz", "healthz", "Operation", "Is the process alive?", {200: ("It is", "Health")}),
    Operation(
        "get",
        "/readyz",
        "readyz",
        "Operation",
        "Can it do its work?",
        {200: ("It can", "Health")},
        problems=("store-unavailable",),
    ),
    Operation(
        "get",
        "/metrics",
        "metrics",
        "Operation",
        "Metrics in Prometheus' text format",
        {200: ("Metrics", None)},
        "From this machine, or with an API key of scope metrics.",
        problems=("unauthorized", "forbidden"),
        security=(OPEN, KEY),
        answer_type=TEXT,
    ),
)

PARAMETERS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "id": {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "Of the subscription.",
            "schema": {"type": "string"},
        },
        "cursor": {
            "name": "cursor",
            "in": "query",
            "description": "`next` of the page before.",
            "schema": {"type": "string"},
        },
        "limit": {
            "name": "limit",
            "in": "query",
            "description": "How many at most.",
            "schema": {
                "type": "integer",
                "minimum": 1,
                "maximum": PAGE_LIMIT_MAX,
                "default": PAGE_LIMIT_DEFAULT,
            },
        },
    }
)


def document(public_url: str = "") -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[operation.path][operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Idlebell",
            "version": __version__,
            "description": "A push gateway for IMAP: it watches a mailbox and rings when mail arrives. Every error is "
            "application/problem+json (RFC 9457); its type is explained under /problems.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url or "/"}],
        "paths": dict(paths),
        "components": {
            "schemas": _schemas(),
            "parameters": dict(PARAMETERS),
            "securitySchemes": {
                TOKEN: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The subscription's own token (`ibs_…`).",
                },
                KEY: {"type": "http", "scheme": "bearer", "description": "An API key (`ibk_…`)."},
                BASIC: {"type": "http", "scheme": "basic", "description": "Password: an API key."},
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        described["description"] = operation.description
    if operation.parameters:
        described["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters]
    if operation.body:
        reference = {"schema": {"$ref": REF.format(name=operation.body)}}
        described["requestBody"] = {"required": True, "content": dict.fromkeys(operation.body_types, reference)}
    described["responses"] = _answers(operation) | _problems(operation)
    described["security"] = [{} if name == OPEN else {name: []} for name in operation.security] or [{}]
    return described


def _answers(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, (description, schema) in operation.answers.items():
        answer: dict[str, Any] = {"description": description}
        if schema is not None:
            answer["content"] = {operation.answer_type: {"schema": {"$ref": REF.format(name=schema)}}}
        elif operation.answer_type == TEXT:
            answer["content"] = {TEXT: {"schema": {"type": "string"}}}
        if schema == "Registered":
            answer["headers"] = {"Location": {"description": "The subscription.", "schema": {"type": "string"}}}
        found[str(status)] = answer
    return found


def _problems(operation: Operation) -> dict[str, Any]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in _unique((*operation.problems, *(WITH_BODY if operation.body else ()), *ALWAYS)):
        by_status[PROBLEMS[code].http_status].append(code)
    return {str(status): _problem(status, codes) for status, codes in sorted(by_status.items())}


def _problem(status: int, codes: list[str]) -> dict[str, Any]:
    lines = [f"`/problems/{code}`: {PROBLEMS[code].title}. {PROBLEMS[code].mend}" for code in codes]
    schema = {
        "allOf": [
            {"$ref": REF.format(name="Problem")},
            {
                "properties": {
                    "type": {"enum": [f"/problems/{code}" for code in codes]},
                    "status": {"const": status},
                }
            },
        ]
    }
    answer: dict[str, Any] = {"description": "\n\n".join(lines), "content": {MEDIA_TYPE: {"schema": schema}}}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    if {"throttled", "too-many-requests", "overloaded", "unreachable"} & set(codes):
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return answer


def _unique(codes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(codes))


def _schemas() -> dict[str, Any]:
    taken = (shapes.SubscriptionRequest, shapes.CredentialsRequest, shapes.RegisterRequest, shapes.UnregisterRequest)
    given = (shapes.SubscriptionView, shapes.Page, shapes.TestView, ProblemBody)
    _, asked = msgspec.json.schema_components(taken, schema_hook=shapes.schema_hook, ref_template=REF)
    _, shown = msgspec.json.schema_components(given, ref_template=REF)
    for schema in shown.values():
        # A member more is no change of the contract.
        schema.pop("additionalProperties", None)
    found: dict[str, Any] = {**asked, **shown}
    found["Problem"] = found.pop("ProblemBody") | {"title": "Problem"}
    view = found["SubscriptionView"]
    found["Registered"] = view | {
        "title": "Registered",
        "description": "A subscription as it was registered. `token` is shown here only, and absent where the request was "
        "proven by a token, which goes on working.",
        "properties": {
            "id": view["properties"]["id"],
            "token": {"type": "string"},
            **view["properties"],
        },
    }
    properties = found["SubscriptionRequest"]["properties"]
    endpoints = {"anyOf": [{"$ref": REF.format(name="EndpointsPatch")}, {"type": "null"}]}
    found["SubscriptionPatch"] = {
        "title": "SubscriptionPatch",
        "description": "RFC 7396.",
        "type": "object",
        "properties": {
            **{name: properties[name] for name in ("mailboxes", "filter", "payload", "lease_seconds")},
            "endpoints": endpoints,
            "paused": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            "auth": found["CredentialsRequest"]["properties"]["auth"],
        },
    }
    members = found["EndpointsShape"]["properties"]
    found["EndpointsPatch"] = {
        "title": "EndpointsPatch",
        "type": "object",
        "properties": {"new_mail": members["new_mail"], **{n: s for n, s in members.items() if n != "new_mail"}},
    }
    found["VapidKey"] = _object(public_key={"type": "string", "description": "65 bytes in base64url."})
    found["Health"] = _object(status={"type": "string"})
    found["Stats"] = {"type": "object"}
    return dict(sorted(found.items()))


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}
