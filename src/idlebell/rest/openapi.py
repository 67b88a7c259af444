"""The API's description (OpenAPI 3.1), made from the table of operations and the shapes that are really decoded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from idlebell import __version__
from idlebell.gateway import shapes
from idlebell.gateway.ledger import LedgerView
from idlebell.gateway.legacy_shapes import RegisterRequest, UnregisterRequest
from idlebell.gateway.login_shapes import LoginAnswerRequest, LoginChallenge
from idlebell.gateway.preferences import READERS
from idlebell.gateway.report_shapes import DeliveryReport, DovecotReport
from idlebell.gateway.trail_shapes import Deliveries, WhyView
from idlebell.gateway.trails import MESSAGE_ID_CHARACTERS
from idlebell.model.problem import PROBLEMS
from idlebell.rest.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX
from idlebell.rest.operation import BASIC, EVENTS, INVITATION, KEY, OPEN, SIGNATURE, SOURCE, TEXT, TOKEN, Operation
from idlebell.rest.operations import ALWAYS, OPERATIONS, WITH_BODY
from idlebell.rest.problems import MEDIA_TYPE, ProblemBody

REF = "#/components/schemas/{name}"

PARAMETERS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "id": {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "Of the subscription.",
            "schema": {"type": "string"},
        },
        "last_event_id": {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "`id` of the last event that was read.",
            "schema": {"type": "integer"},
        },
        "message_id": {
            "name": "message_id",
            "in": "query",
            "description": "Message-ID of the message, with or without its angle brackets.",
            "schema": {"type": "string", "maxLength": MESSAGE_ID_CHARACTERS},
        },
        "mailbox": {
            "name": "mailbox",
            "in": "query",
            "description": "Of the uid; left out: the subscription's first.",
            "schema": {"type": "string"},
        },
        "uid": {
            "name": "uid",
            "in": "query",
            "description": "UID of the message, in place of message_id.",
            "schema": {"type": "integer", "minimum": 1, "maximum": shapes.UID_MAX},
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
                INVITATION: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An invitation (`ibi_…`), where registering needs a key.",
                },
                KEY: {"type": "http", "scheme": "bearer", "description": "An API key (`ibk_…`)."},
                SOURCE: {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The name of an [[ingest]] source, and its key for password.",
                },
                SIGNATURE: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "Standard Webhooks 1.0.0, with webhook-id and webhook-timestamp, by the source's key.",
                },
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
            either = [{"$ref": REF.format(name=name)} for name in schema.split("|")]
            answer["content"] = {
                operation.answer_type: {"schema": either[0] if len(either) == 1 else {"anyOf": either}}
            }
        elif operation.answer_type in (TEXT, EVENTS):
            answer["content"] = {operation.answer_type: {"schema": {"type": "string"}}}
        if schema is not None and schema.split("|")[0] in ("Registered", "LoggedIn"):
            answer["headers"] = {"Location": {"description": "The subscription.", "schema": {"type": "string"}}}
        found[str(status)] = answer
    return found


def _problems(operation: Operation) -> dict[str, Any]:
    by_status: dict[int, list[str]] = defaultdict(list)
    # An API key may lack the scope.
    keyed = ("forbidden",) if {KEY, BASIC} & set(operation.security) else ()
    for code in _unique((*operation.problems, *keyed, *(WITH_BODY if operation.body else ()), *ALWAYS)):
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
    if {"throttled", "too-many-connections", "too-many-requests", "overloaded", "unreachable"} & set(codes):
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    if status == 429:
        answer["headers"] |= {
            "RateLimit-Policy": {"description": "What is counted, as on every answer.", "schema": {"type": "string"}},
            "RateLimit": {"description": "What is left of each, as on every answer.", "schema": {"type": "string"}},
        }
    return answer


def _unique(codes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(codes))


def _schemas() -> dict[str, Any]:
    taken = (
        shapes.SubscriptionRequest,
        shapes.CredentialsRequest,
        shapes.HushRequest,
        shapes.DiscoverRequest,
        shapes.SignInRequest,
        LoginAnswerRequest,
        DovecotReport,
        DeliveryReport,
        shapes.FilterTestRequest,
        RegisterRequest,
        UnregisterRequest,
    )
    given = (
        shapes.SubscriptionView,
        shapes.Page,
        shapes.TestView,
        shapes.FilterTestView,
        shapes.DiscoveryView,
        shapes.LinkView,
        shapes.SignInsView,
        shapes.BegunView,
        LoginChallenge,
        Deliveries,
        WhyView,
        LedgerView,
        ProblemBody,
    )
    _, asked = msgspec.json.schema_components(taken, schema_hook=shapes.schema_hook, ref_template=REF)
    _, shown = msgspec.json.schema_components(given, ref_template=REF)
    for schema in shown.values():
        # A member more is no change of the contract.
        schema.pop("additionalProperties", None)
    found: dict[str, Any] = {**asked, **shown}
    found["Discovery"] = found.pop("DiscoveryView") | {"title": "Discovery"}
    found["SignIns"] = found.pop("SignInsView") | {"title": "SignIns"}
    found["BegunSignIn"] = found.pop("BegunView") | {"title": "BegunSignIn"}
    found["Why"] = found.pop("WhyView") | {"title": "Why"}
    found["Ledger"] = found.pop("LedgerView") | {"title": "Ledger"}
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
    registered = found["Registered"]
    found["LoggedIn"] = registered | {
        "title": "LoggedIn",
        "description": "As a registration is answered, with what the mail server has proven itself by (RFC 5802 section 7).",
        "properties": {**registered["properties"], "server_final": {"type": "string"}},
    }
    properties = found["SubscriptionRequest"]["properties"]
    endpoints = {"anyOf": [{"$ref": REF.format(name="EndpointsPatch")}, {"type": "null"}]}
    found["SubscriptionPatch"] = {
        "title": "SubscriptionPatch",
        "description": "RFC 7396.",
        "type": "object",
        "properties": {
            **{name: properties[name] for name in ("mailboxes", "payload", "lease_seconds", "also")},
            "heartbeat_seconds": properties["heartbeat_seconds"],
            **{name: properties[name] for name in READERS},
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
