"""The one table of operations: what each route takes, gives and may refuse. The API's description is made from it.

A test holds it against the routes, so neither can have what the other lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain"
EVENTS = "text/event-stream"

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
    "sign-in-not-valid",
    "sign-in-refused",
    "token-refused",
    "token-unavailable",
    "keys-not-usable",
    "authentication-failed",
    "app-password-needed",
    "imap-not-enabled",
    "plan-without-imap",
    "login-unexplained",
    "unreachable",
    "tls-failed",
    "certificate-changed",
    "not-imap",
    "throttled",
    "too-many-connections",
    "no-such-mailbox",
    "protocol-error",
    "server-error",
    "server-unavailable",
    "session-lost",
)
REGISTRATION = (
    "link-not-valid",
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
    "gateway-full",
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


TOKEN, KEY, OPEN, BASIC, INVITATION = "token", "api_key", "-", "basic", "invitation"
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
        security=(OPEN, KEY, INVITATION, TOKEN),
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
            "gateway-full",
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
        problems=(*ONE, "needs-tls", "store-unavailable", "overloaded", "gateway-full", *ACCOUNT),
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
        "post",
        f"{_SUBSCRIPTION}/filters/test",
        "test_filter",
        "Subscriptions",
        "Try a filter on the latest messages",
        {200: ("What would ring, the newest first, and why", "FilterTestView")},
        "Asked of the session that is open, by items that never set \\Seen; nothing of it is kept.",
        "FilterTestRequest",
        problems=(
            *ONE,
            "needs-tls",
            "no-session",
            "no-such-mailbox",
            "server-error",
            "session-lost",
            "store-unavailable",
        ),
        security=(TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "post",
        f"{_SUBSCRIPTION}/hush",
        "hush",
        "Subscriptions",
        "Less of this: a sender or a mailing list rings no more",
        {200: ("The subscription as it is now; who was hushed is the last of hushed", "SubscriptionView")},
        "Undone by a PATCH of hushed. A message is looked up over the session that is open, and nothing of it is kept.",
        "HushRequest",
        problems=(
            *ONE,
            "needs-tls",
            "no-session",
            "no-such-mailbox",
            "server-error",
            "session-lost",
            "conflict",
            "store-unavailable",
            "overloaded",
        ),
        security=(TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "post",
        f"{_SUBSCRIPTION}/verify",
        "verify",
        "Subscriptions",
        "Read back the code that an endpoint was sent",
        {200: ("The subscription as it is now; unverified names what is still to be shown", "SubscriptionView")},
        "An endpoint that has to show whose it is gets a verification with a code and nothing else. The code is good for ten "
        "minutes and five tries. Without a code, a new one is sent where none stands.",
        "VerifyRequest",
        problems=(
            *ONE,
            "origin-not-allowed",
            "code-wrong",
            "conflict",
            "too-many-requests",
            "store-unavailable",
            "overloaded",
        ),
        security=(TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "get",
        f"{_SUBSCRIPTION}/events",
        "events",
        "Subscriptions",
        "What happens, as it happens",
        {200: ("Server-sent events: state, notification, overrun", None)},
        "The first is how it stands now. The last 256 are kept while somebody listens and for five minutes after: with "
        "Last-Event-ID nothing is missed; overrun says that something was. Read with fetch, for EventSource sends no token.",
        problems=(*ONE, "overloaded", "too-many-requests", "store-unavailable"),
        security=(TOKEN, KEY),
        answer_type=EVENTS,
        parameters=("id", "last_event_id"),
    ),
    Operation(
        "get",
        f"{_SUBSCRIPTION}/deliveries",
        "deliveries",
        "Subscriptions",
        "What was tried to deliver notifications",
        {200: ("The latest attempts, the newest first", "Deliveries")},
        "Kept for seven days, at most the latest 20 of a subscription, without content and without the endpoint's URL.",
        problems=(*ONE, "store-unavailable"),
        security=(TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "get",
        f"{_SUBSCRIPTION}/why",
        "why",
        "Subscriptions",
        "Why a message did or did not ring",
        {200: ("What became of it, or that nothing is kept of it", "Why")},
        "By message_id, or by mailbox and uid. Kept for seven days, of a subscription at most the latest 64 messages, "
        "fewer where names are long, without content: of a Message-ID there is a keyed digest.",
        problems=(*ONE, "invalid-request", "store-unavailable"),
        security=(TOKEN, KEY),
        parameters=("id", "message_id", "mailbox", "uid"),
    ),
    Operation(
        "get",
        f"{_SUBSCRIPTION}/ledger",
        "ledger",
        "Subscriptions",
        "What its IMAP sessions have cost, and what was done day by day",
        {
            200: (
                "Sessions, commands and bytes, beside those of polling; logins, commands and pushes of each day",
                "Ledger",
            )
        },
        "Of the account's sessions, which all its subscriptions share, since the gateway or the subscription began, the later "
        "of both; beside what a login every two minutes would have taken in that time. `days`: the last 30 on which something "
        "was done, counted to now. A kill of the gateway loses up to a quarter of an hour, and the keep-alives since midnight.",
        problems=(*ONE, "invalid-request", "store-unavailable"),
        security=(TOKEN, KEY),
        parameters=("id", "cursor", "limit"),
    ),
    Operation(
        "post",
        f"{_SUBSCRIPTION}/links",
        "link",
        "Subscriptions",
        "Make a link for a second device",
        {201: ("A link of one use, shown here only", "LinkView")},
        "Who has it can register one subscription more on the same account, without the password, by POST /v1/subscriptions "
        "with `link` in place of `imap`: for ten minutes, once.",
        problems=(*ONE, "needs-tls", "origin-not-allowed", "conflict", "credentials-needed", "store-unavailable"),
        security=(TOKEN, KEY),
        parameters=("id",),
    ),
    Operation(
        "post",
        "/v1/discover",
        "discover",
        "Subscriptions",
        "Find the server of a mail address",
        {200: ("What was found, the best first", "Discovery")},
        "Asks the address's domain (SRV records, its autoconfig file) and the table of providers; no password is needed. "
        "Counted as a registration is.",
        "DiscoverRequest",
        problems=("unauthorized",),
        security=(OPEN, KEY, INVITATION),
    ),
    Operation(
        "get",
        "/v1/sign-ins",
        "sign_ins",
        "Subscriptions",
        "Providers where one can sign in",
        {200: ("With the IMAP servers that take their tokens", "SignIns")},
    ),
    Operation(
        "post",
        "/v1/sign-ins",
        "begin_sign_in",
        "Subscriptions",
        "Begin a sign-in at a provider",
        {201: ("Where the browser goes", "BegunSignIn")},
        "Authorization code with PKCE. The browser comes back to redirect_uri with code and state: credentials of type "
        "sign_in, with the sign_in of this answer, for POST /v1/subscriptions and PUT …/credentials, once, within ten minutes, "
        "for this host and username. The gateway redeems the code in that request; no token is shown to the browser. Counted "
        "as a registration is.",
        "SignInRequest",
        problems=("unauthorized", "needs-tls", "sign-in-not-offered", "token-unavailable", "store-unavailable"),
        security=(OPEN, KEY, INVITATION, TOKEN),
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
        problems=(*ONE, "needs-tls", "store-unavailable", "overloaded", "gateway-full", *ACCOUNT),
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
        problems=("store-unavailable", "canary-silent"),
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
