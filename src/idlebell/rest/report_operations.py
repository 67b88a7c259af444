"""The operations of mail servers that report deliveries."""

from __future__ import annotations

from idlebell.rest.operation import SIGNATURE, SOURCE, Operation

_PROBLEMS = ("unauthorized", "forbidden", "needs-tls", "store-unavailable", "overloaded")

REPORTS: tuple[Operation, ...] = (
    Operation(
        "put",
        "/v1/ingest/dovecot",
        "report_dovecot",
        "Mail servers",
        "Dovecot reports a delivery",
        {204: ("It is stored, with whatever it rings; or nobody here wants to hear of it", None)},
        "The form of Dovecot's push_notification driver ox, and of the script for its driver lua. HTTP Basic: the name of an "
        "[[ingest]] source and its key. Members that are not known are passed over.",
        "DovecotReport",
        problems=_PROBLEMS,
        security=(SOURCE,),
    ),
    Operation(
        "post",
        "/v1/ingest",
        "report",
        "Mail servers",
        "Any mail server reports a delivery",
        {204: ("It is stored, with whatever it rings; or nobody here wants to hear of it", None)},
        "Signed as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature) with the key of the [[ingest]] "
        "source that it names, at most five minutes ago.",
        "DeliveryReport",
        problems=_PROBLEMS,
        security=(SIGNATURE,),
    ),
)
