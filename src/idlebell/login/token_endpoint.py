"""What a token endpoint is asked for a new access token, and what its answer means (RFC 6749 sections 5 and 6). Pure.

The endpoint is a stranger: an app named it. Its answer is bounded before it comes here; here it becomes tokens of a form that a
login can carry, with a life between two bounds, or a :class:`~idlebell.model.problem.Fault`. What cannot be used, whatever it
is, is one and the same fault, so that nobody scans a network by it.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import msgspec

from idlebell.login.echo import unechoed
from idlebell.model.account import RenewableCredentials
from idlebell.model.endpoint import PushUrl
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.model.shown_text import quoting
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse

ANSWER_BYTES: Final = 65_536
"""Read of an answer: two tokens of the longest kind, and the ID token that some add."""
TOKEN_CHARACTERS: Final = 16_384
"""Of one token. Some providers' hold a whole signed document."""
LIFE_LEAST_SECONDS: Final = 60.0
"""A token that is said to end sooner is taken to live so long: no endpoint makes us ask it all the time."""
LIFE_MOST_SECONDS: Final = 86_400.0
"""A refresh token that is used once a day is not forgotten by its provider, and found out within a day where it is refused."""
LIFE_USUAL_SECONDS: Final = 3_600.0
"""Where the answer does not say (RFC 6749 section 5.1 lets it): the hour of Google, Microsoft, Yahoo and Fastmail."""
PAUSE_SECONDS_MAX: Final = 86_400

_OF_GRANT: Final = frozenset({"invalid_grant", "interaction_required", "consent_required", "login_required"})
"""The user has to sign in again. Those after the first are OpenID Connect's (Core 1.0 section 3.1.2.6), said by Microsoft."""
_OF_CLIENT: Final = frozenset(
    {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request", "invalid_scope"}
)
_REFUSING: Final = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Granted:
    """``refresh_token`` None: the one that was used goes on. ``seconds``: how long the access token is good. ``id_token``: who
    signed in, from an OpenID provider."""

    access_token: Secret
    refresh_token: Secret | None
    seconds: float
    id_token: Secret | None = None


def refresh_request(credentials: RenewableCredentials) -> HttpRequest:
    """RFC 6749 section 6."""
    form = {"grant_type": "refresh_token", "refresh_token": credentials.refresh_token.text()}
    return shown_client(credentials.token_url, form, credentials.client_id, credentials.client_secret)


def shown_client(url: PushUrl, form: dict[str, str], client_id: str, secret: Secret | None) -> HttpRequest:
    """``form`` from this client. One with a secret shows it by HTTP Basic, which every endpoint takes (RFC 6749 section
    2.3.1); one without names itself."""
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    if secret is None:
        form = {**form, "client_id": client_id}
    else:
        pair = f"{quote_plus(client_id)}:{quote_plus(secret.text())}"
        headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode('ascii')).decode('ascii')}"))
    return HttpRequest("POST", url, tuple(headers), urlencode(form).encode("ascii"))


def read_answer(answer: Answer, credentials: RenewableCredentials) -> Granted | Fault:
    """``token-refused``: the same is refused again; ``token-unavailable``: another time, perhaps."""
    known = (credentials.refresh_token, credentials.access_token, credentials.client_secret)
    return read_grant(answer, "refresh token", known)


def read_printed(content: bytes) -> Granted | Fault:
    """What a command prints: an access token in its first line, or the JSON of a token endpoint. A refresh token in it is for
    the command to keep."""
    if content.lstrip()[:1] == b"{":
        found = _granted(_object(content))
        if isinstance(found, Granted):
            return Granted(found.access_token, None, found.seconds)
        return not_printed(f"token_command: {found.private}")
    line = content.split(b"\n", 1)[0].strip().decode("ascii", "replace")
    if not is_token(line):
        return not_printed("token_command: its first line is no access token, and it is no JSON with one")
    return Granted(Secret(line), None, LIFE_USUAL_SECONDS)


def not_printed(private: str) -> Fault:
    return Fault("token-unavailable", "The token command gives no access token.", private)


def read_grant(answer: Answer, grant: str, secrets: Sequence[Secret | None]) -> Granted | Fault:
    """As :func:`read_answer`. ``grant``: what was shown, in words. ``secrets``: none of them is in a Fault, whatever the
    endpoint repeats."""
    if isinstance(answer, NoResponse):
        return unavailable(f"{answer.reason}: {answer.detail}")
    if len(answer.body) > ANSWER_BYTES:
        return unavailable("an answer without end")
    given = _object(answer.body)
    if answer.status == 200:
        return _granted(given)
    error = given.get("error")
    if answer.status in _REFUSING and isinstance(error, str) and error in _OF_GRANT | _OF_CLIENT:
        return _refused(error, given.get("error_description"), grant, secrets)
    return unavailable(f"HTTP status {answer.status}", _pause(answer))


def unavailable(private: str, retry_after_seconds: int | None = None) -> Fault:
    detail = "The token endpoint gives no usable answer."
    return Fault("token-unavailable", detail, private, retry_after_seconds=retry_after_seconds)


def _granted(given: dict[str, Any]) -> Granted | Fault:
    kind, access, refresh = given.get("token_type"), given.get("access_token"), given.get("refresh_token")
    if not isinstance(access, str) or not is_token(access):
        return unavailable("no access token that a login can carry")
    if kind is not None and not (isinstance(kind, str) and kind.lower() == "bearer"):
        return unavailable("a token of another kind than Bearer")
    another = Secret(refresh) if isinstance(refresh, str) and is_token(refresh) else None
    who = given.get("id_token")
    signed = Secret(who) if isinstance(who, str) and is_token(who) else None
    return Granted(Secret(access), another, _life(given.get("expires_in")), signed)


def _life(given: object) -> float:
    """Some spell the number as a string."""
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 20:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int | float) or math.isnan(given):
        return LIFE_USUAL_SECONDS
    return float(min(max(given, LIFE_LEAST_SECONDS), LIFE_MOST_SECONDS))


def _refused(error: str, description: object, grant: str, secrets: Sequence[Secret | None]) -> Fault:
    who = grant if error in _OF_GRANT else "client"
    words = description if isinstance(description, str) else ""
    for secret in secrets:
        if secret:  # what an access token is, while there is none, nobody can repeat
            words = unechoed(words, secret.text())
    return Fault("token-refused", quoting(f"The provider refused the {who} ({error})", words))


def _pause(answer: HttpResponse) -> int | None:
    asked = answer.headers.get("retry-after", "")
    usable = answer.status in (429, 503) and asked.isascii() and asked.isdecimal() and len(asked) < 10
    return min(max(1, int(asked)), PAUSE_SECONDS_MAX) if usable else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(
            body
        )  # json.loads would make a string of all of it first: one copy more of each token
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_token(text: str) -> bool:
    """Visible ASCII: what RFC 6750 section 2.1 lets a bearer token be, and more than RFC 6749 lets a refresh token be."""
    return 0 < len(text) <= TOKEN_CHARACTERS and all("!" <= one <= "~" for one in text)
