"""The one table of errors: every code's title, HTTP status, IMAP response code, metric label, severity, blame and retry.

A *fault* is a classified failure of a watch or a push, a *problem* is what a user is shown of one. Both use these codes;
``/problems/CODE`` is a problem's ``type``. The manual's page of errors is printed from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Blame(StrEnum):
    """Whose fault it is, hence who can mend it."""

    CLIENT = "client"
    CREDENTIALS = "credentials"
    IMAP_SERVER = "imap-server"
    PUSH_SERVICE = "push-service"
    NETWORK = "network"
    OPERATOR = "operator"
    GATEWAY = "gateway"


class Retry(StrEnum):
    """What comes next by itself."""

    NEVER = "never"
    """The same again has the same end."""
    SOON = "soon"
    """Backoff from seconds."""
    LATER = "later"
    """Backoff from minutes: a limit was met, or a lock-out is near."""


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Entry:
    code: str
    title: str
    http_status: int
    blame: Blame
    retry: Retry
    severity: Severity
    mend: str
    """One sentence to the one who is to blame: what to do next."""
    imap_code: str | None = None
    """RFC 5530: what our own IMAP face says; None: CANNOT, or that the syntax is BAD."""

    @property
    def label(self) -> str:
        """The value of a metric's ``code`` label."""
        return self.code.replace("-", "_")


def _table(*entries: Entry) -> dict[str, Entry]:
    return {entry.code: entry for entry in entries}


_C, _K, _I, _P, _N, _O, _G = (
    Blame.CLIENT,
    Blame.CREDENTIALS,
    Blame.IMAP_SERVER,
    Blame.PUSH_SERVICE,
    Blame.NETWORK,
    Blame.OPERATOR,
    Blame.GATEWAY,
)

PROBLEMS = _table(
    # the request
    Entry(
        "malformed-json",
        "The body is not JSON",
        400,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Send one JSON object in UTF-8.",
    ),
    Entry(
        "invalid-request",
        "The request is not valid",
        422,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Mend the members named in errors.",
    ),
    Entry("body-too-large", "The body is too large", 413, _C, Retry.NEVER, Severity.INFO, "Send at most 64 KiB."),
    Entry(
        "request-timeout",
        "The body came too slowly",
        408,
        _C,
        Retry.SOON,
        Severity.INFO,
        "Send the whole body within 10 seconds.",
    ),
    Entry(
        "headers-too-large",
        "The headers are too large",
        431,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Send at most 100 headers of 16 KiB together.",
    ),
    Entry(
        "host-not-served",
        "This host name is not served here",
        421,
        _O,
        Retry.NEVER,
        Severity.INFO,
        "Use the gateway's own address, or ask the operator to set server.public_url.",
    ),
    Entry(
        "origin-not-allowed",
        "Pages of this origin may not do this",
        403,
        _O,
        Retry.NEVER,
        Severity.INFO,
        "Ask the operator to name the origin in server.cors.",
    ),
    Entry(
        "unsupported-media-type",
        "The body has the wrong type",
        415,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Send application/json.",
    ),
    Entry(
        "method-not-allowed",
        "The method is not allowed here",
        405,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Use one of the methods in the Allow header.",
    ),
    Entry(
        "unauthorized",
        "A token is needed",
        401,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Send Authorization: Bearer with an API key or the subscription's token.",
    ),
    Entry(
        "link-not-valid",
        "The link is not valid any more",
        401,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Let the first device make another link; each works once, for ten minutes.",
    ),
    Entry(
        "forbidden",
        "The token does not allow this",
        403,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Use an API key with the scope that the detail names.",
    ),
    Entry(
        "needs-tls",
        "Credentials need TLS",
        403,
        _C,
        Retry.NEVER,
        Severity.WARNING,
        "Use https, or ask the operator to set tls_certificate or trusted_proxies.",
        "PRIVACYREQUIRED",
    ),
    Entry(
        "not-found",
        "There is nothing here for this token",
        404,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Check the id and the token; a subscription that is over for 7 days is gone.",
    ),
    Entry(
        "no-such-path",
        "There is nothing at this address",
        404,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Look at /docs, or /openapi.json, for the calls that there are.",
    ),
    Entry(
        "conflict",
        "The subscription as it is does not allow this",
        409,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Read the detail, which names what stands against it; GET shows how the subscription is.",
    ),
    Entry(
        "credentials-needed",
        "No open session covers this",
        409,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Send auth with the same request.",
    ),
    Entry(
        "source-unknown",
        "The mail server does not report here any more",
        409,
        _O,
        Retry.LATER,
        Severity.WARNING,
        "Name the source in [[ingest]] again, or register the account with an IMAP login.",
    ),
    Entry(
        "no-session",
        "No session is open to look with",
        409,
        _C,
        Retry.SOON,
        Severity.INFO,
        "Wait until the subscription is watching; send the credentials again where its state says so.",
    ),
    Entry(
        "too-many-requests",
        "Too many requests",
        429,
        _C,
        Retry.SOON,
        Severity.INFO,
        "Wait as long as Retry-After says.",
        "LIMIT",
    ),
    # the account
    Entry(
        "authentication-failed",
        "The mail server refused the credentials",
        422,
        _K,
        Retry.NEVER,
        Severity.INFO,
        "Check user name and password; the same ones are not tried again.",
        "AUTHENTICATIONFAILED",
    ),
    Entry(
        "app-password-needed",
        "The mail server wants an app password",
        422,
        _K,
        Retry.NEVER,
        Severity.INFO,
        "Make an app password at the provider and use it here.",
        "AUTHENTICATIONFAILED",
    ),
    Entry(
        "token-refused",
        "The provider refuses the refresh token",
        422,
        _K,
        Retry.NEVER,
        Severity.INFO,
        "Have the user sign in at the provider again and send the new tokens; the same ones are not tried again.",
        "AUTHENTICATIONFAILED",
    ),
    Entry(
        "token-unavailable",
        "No access token can be got now",
        422,
        _N,
        Retry.SOON,
        Severity.INFO,
        "Check token_url; hosts that this gateway may not reach give the same answer.",
        "UNAVAILABLE",
    ),
    Entry(
        "sign-in-not-offered",
        "There is no sign-in for this server",
        422,
        Blame.OPERATOR,
        Retry.NEVER,
        Severity.INFO,
        "Use a password or a token; the operator can offer a sign-in by a section [oauth.NAME].",
    ),
    Entry(
        "sign-in-not-valid",
        "The sign-in is not under way",
        422,
        _K,
        Retry.NEVER,
        Severity.INFO,
        "Begin it anew: each is good once, for ten minutes, in the browser that began it.",
    ),
    Entry(
        "sign-in-refused",
        "The provider refuses the sign-in",
        422,
        _K,
        Retry.NEVER,
        Severity.INFO,
        "Sign in once more; where that does not help, the operator has to look at client id, secret and redirect URI.",
    ),
    Entry(
        "login-not-answered",
        "The app did not answer the mail server's challenge",
        422,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Begin again, and send client_final to POST /v1/logins before login.expires_at.",
    ),
    Entry(
        "keys-not-usable",
        "SCRAM keys are of no use for this account",
        422,
        _K,
        Retry.NEVER,
        Severity.INFO,
        "Send the password again; where the server has no SCRAM, or other keys at each login, with another retention.",
        "AUTHENTICATIONFAILED",
    ),
    Entry(
        "imap-not-enabled",
        "IMAP is switched off for this account",
        422,
        _K,
        Retry.NEVER,
        Severity.INFO,
        "Switch IMAP on in the provider's settings.",
        "AUTHORIZATIONFAILED",
    ),
    Entry(
        "plan-without-imap",
        "This account's plan has no IMAP",
        422,
        _K,
        Retry.NEVER,
        Severity.INFO,
        "Choose a plan of the provider that has IMAP.",
        "AUTHORIZATIONFAILED",
    ),
    Entry(
        "login-unexplained",
        "The mail server refuses the login and does not say why",
        422,
        _I,
        Retry.LATER,
        Severity.INFO,
        "Wait; the credentials worked before and are tried once more after 15 minutes.",
        "UNAVAILABLE",
    ),
    Entry(
        "unreachable",
        "The mail server cannot be reached",
        422,
        _N,
        Retry.SOON,
        Severity.INFO,
        "Check host and port; servers that this gateway may not reach give the same answer.",
        "UNAVAILABLE",
    ),
    Entry(
        "tls-failed",
        "The mail server's certificate does not verify",
        422,
        _I,
        Retry.LATER,
        Severity.WARNING,
        "Mend the certificate, or the host name it was asked for.",
        "UNAVAILABLE",
    ),
    Entry(
        "certificate-changed",
        "The mail server's key is not the one that is trusted",
        422,
        _I,
        Retry.LATER,
        Severity.WARNING,
        "Compare the key with the server's own by another way; trust it, with new credentials, only if they are the same.",
        "UNAVAILABLE",
    ),
    Entry(
        "not-imap",
        "This is not an IMAP server",
        422,
        _I,
        Retry.LATER,
        Severity.INFO,
        "Check host and port: 993 is implicit TLS, 143 STARTTLS.",
        "UNAVAILABLE",
    ),
    Entry(
        "throttled",
        "The mail server asks for a pause",
        422,
        _I,
        Retry.LATER,
        Severity.INFO,
        "Wait; it is tried again after a while.",
        "LIMIT",
    ),
    Entry(
        "too-many-connections",
        "The account has too many connections",
        422,
        _I,
        Retry.LATER,
        Severity.INFO,
        "Close other mail programs of this account, or wait until the server forgets connections that are dead.",
        "LIMIT",
    ),
    Entry(
        "no-such-mailbox",
        "There is no such mailbox",
        422,
        _C,
        Retry.LATER,
        Severity.INFO,
        "Check the mailbox's name; names are UTF-8 with the server's own delimiter.",
        "NONEXISTENT",
    ),
    Entry(
        "host-unconfirmed",
        "The host is not confirmed",
        422,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Send imap.host.",
    ),
    Entry(
        "session-lost",
        "The session is lost",
        422,
        _N,
        Retry.SOON,
        Severity.INFO,
        "Send the credentials again by PUT …/credentials.",
        "UNAVAILABLE",
    ),
    Entry(
        "protocol-error",
        "The mail server broke the protocol",
        422,
        _I,
        Retry.LATER,
        Severity.WARNING,
        "Tell the server's operator; the detail names the rule.",
        "SERVERBUG",
    ),
    Entry(
        "server-error",
        "The mail server reports trouble of its own",
        422,
        _I,
        Retry.SOON,
        Severity.INFO,
        "Wait; it is tried again.",
        "UNAVAILABLE",
    ),
    Entry(
        "server-unavailable",
        "The mail server cannot serve for now",
        422,
        _I,
        Retry.LATER,
        Severity.INFO,
        "Wait; it is tried again.",
        "UNAVAILABLE",
    ),
    # the endpoint
    Entry(
        "endpoint-not-allowed",
        "This endpoint may not be used",
        422,
        _C,
        Retry.NEVER,
        Severity.INFO,
        "Use an https URL with a public address on port 443, or ask the operator about network.allow.",
        "CANNOT",
    ),
    Entry(
        "endpoint-gone",
        "The endpoint is gone",
        422,
        _P,
        Retry.NEVER,
        Severity.INFO,
        "Register the new endpoint.",
    ),
    Entry(
        "endpoint-refused",
        "The endpoint refuses what it is sent",
        422,
        _P,
        Retry.NEVER,
        Severity.WARNING,
        "Check the endpoint's keys and rights.",
    ),
    Entry(
        "endpoint-unverified",
        "The endpoint has not been verified",
        422,
        _P,
        Retry.SOON,
        Severity.INFO,
        "Answer the verification with its code: a webhook within 10 seconds, an app or a person by POST …/verify.",
    ),
    Entry(
        "code-wrong",
        "The code is not the one that was sent",
        422,
        _P,
        Retry.NEVER,
        Severity.INFO,
        "Read back the code that arrived last, or ask for a new one.",
        "CANNOT",
    ),
    Entry(
        "endpoint-failing",
        "The endpoint does not answer",
        422,
        _P,
        Retry.SOON,
        Severity.INFO,
        "Check the endpoint; it is tried again.",
    ),
    Entry(
        "endpoint-spent",
        "The endpoint has had its notifications of this day",
        422,
        _O,
        Retry.LATER,
        Severity.INFO,
        "Wait for the next day (UTC), or ask the operator about push.max_per_day.",
    ),
    Entry(
        "vapid-subject-missing",
        "Web Push needs the operator's address",
        422,
        _O,
        Retry.NEVER,
        Severity.WARNING,
        "Ask the operator to set push.vapid_subject or server.public_url.",
    ),
    # the gateway
    Entry(
        "store-unavailable",
        "The gateway cannot store anything now",
        503,
        _G,
        Retry.SOON,
        Severity.ERROR,
        "Try again later; nothing was changed.",
        "UNAVAILABLE",
    ),
    Entry(
        "canary-silent",
        "The canary is late or failed",
        503,
        _O,
        Retry.SOON,
        Severity.ERROR,
        "Look into the log: canary_failed says where the chain from mail to bell is broken.",
    ),
    Entry(
        "gateway-full",
        "The gateway has no room for one more session",
        503,
        _O,
        Retry.LATER,
        Severity.ERROR,
        "Ask the operator for more file descriptors (LimitNOFILE) or source_addresses; what is watched goes on.",
        "LIMIT",
    ),
    Entry(
        "overloaded",
        "The gateway can take no more",
        503,
        _G,
        Retry.SOON,
        Severity.ERROR,
        "Try again later.",
        "UNAVAILABLE",
    ),
    Entry(
        "internal",
        "The gateway failed",
        500,
        _G,
        Retry.SOON,
        Severity.ERROR,
        "Tell the operator the time and the detail.",
        "SERVERBUG",
    ),
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with a body: where (a JSON pointer, RFC 6901) and what."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What a user is told. ``detail`` is one sentence about this occurrence and holds no secret."""

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    retry_after_seconds: int | None = None
    suggestion: str | None = None

    def __post_init__(self) -> None:
        if self.code not in PROBLEMS:
            raise ValueError(f"no problem has the code {self.code}")

    @property
    def entry(self) -> Entry:
        return PROBLEMS[self.code]

    @property
    def type(self) -> str:
        return f"/problems/{self.code}"


class ProblemError(Exception):
    """The one exception that faces see."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {problem.detail}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Fault:
    """A classified failure of a watch. ``detail`` may be shown to the user, ``private`` is for the operator's log only."""

    code: str
    detail: str
    private: str = ""
    retry_after_seconds: int | None = None

    def __post_init__(self) -> None:
        if self.code not in PROBLEMS:
            raise ValueError(f"no fault has the code {self.code}")

    @property
    def blame(self) -> Blame:
        return PROBLEMS[self.code].blame

    @property
    def retry(self) -> Retry:
        return PROBLEMS[self.code].retry

    def problem(self) -> Problem:
        return Problem(self.code, self.detail, retry_after_seconds=self.retry_after_seconds)
