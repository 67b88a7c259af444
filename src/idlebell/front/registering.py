"""What the families that register have in common: the gateway's verbs for who holds a session, and its problems as IMAP
says them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from idlebell.front.annotations import Refused, cannot
from idlebell.front.own import Answer, Departed, Here
from idlebell.gateway.live_logins import LiveLogin, LiveLogins
from idlebell.gateway.shapes import Registration, SubscriptionRequest, SubscriptionView
from idlebell.imap import commands, mailbox_name
from idlebell.imap.responses import Condition, PlainCode, StatusData
from idlebell.model.form import Form
from idlebell.model.ids import SubscriptionId
from idlebell.model.problem import FieldError, Problem, ProblemError
from idlebell.model.secret import Secret
from idlebell.model.subscription import Floor, Subscription

TEXT_CHARACTERS: Final = 300
"""Of an answer: a client shows it, or logs it."""
ERRORS_TOLD: Final = 3
"""Of what is wrong with a value; the first is what a client mends."""
FLOORS_ASKED: Final = 100
"""Mailboxes of one command whose UIDNEXT is asked for; of those beyond, new mail rings from when the watch looks first."""
_NONEXISTENT: Final = PlainCode("NONEXISTENT")
_SYNTAX: Final = frozenset({"invalid-request", "malformed-json"})
TOO_MANY: Final = PlainCode("METADATA", b"TOOMANY")
"""RFC 5464 section 5."""


class Registering:
    """``login_of``: the session of a client as the gateway knows it; one for each, from its login to its end, then KeyError."""

    def __init__(
        self, live: LiveLogins, vapid: Callable[[], Awaitable[str]], login_of: Callable[[Here], LiveLogin]
    ) -> None:
        self._live = live
        self._find_login = login_of
        self.vapid: Final = vapid
        """The application server key: base64url of 65 bytes."""

    async def register(
        self, here: Here, request: SubscriptionRequest, label: str, form: Form | None = None
    ) -> Registration:
        """ProblemError. The session tells how the mailboxes stand, so that what comes from now on rings; also that there is
        none of this name."""
        floors = [floor for at, name in _names(request) if (floor := await _floor(here, name, at)) is not None]
        return await self._live.subscribe(self._login_of(here), request, floors=floors, label=label, form=form)

    async def all(self, here: Here) -> tuple[tuple[Subscription, SubscriptionView], ...]:
        return await self._live.show_all(self._login_of(here))

    async def labelled(self, here: Here, label: str) -> tuple[Subscription, SubscriptionView] | None:
        return next((found for found in await self.all(here) if found[0].label == label), None)

    async def verify(self, here: Here, subscription: SubscriptionId, code: bytes) -> SubscriptionView:
        return await self._live.verify(self._login_of(here), subscription, Secret(code))

    async def validate(self, here: Here, known: Subscription | None, code: bytes | None) -> None:
        """By an entry that is set. Refused where there is none of that name, or no code."""
        if known is None or code is None:
            raise cannot("there is no such subscription to validate")
        await self.verify(here, known.id, code)

    async def end(self, here: Here, subscription: SubscriptionId) -> None:
        await self._live.end(self._login_of(here), subscription)

    def _login_of(self, here: Here) -> LiveLogin:
        try:
            return self._find_login(here)
        except KeyError:
            raise Departed from None


class RegisteringFamily:
    """A family that registers, and to which it is nothing what else passes."""

    def __init__(self, registering: Registering) -> None:
        self._registering = registering

    def ended(self, name: str, here: Here, *, ok: bool) -> None:
        pass

    def heard(self, line: bytes, here: Here) -> bool:
        return True

    async def over(self, here: Here) -> None:
        pass


async def _floor(here: Here, mailbox: str, at: str) -> Floor | None:
    asked = await here.ask(commands.Status(mailbox, ("UIDVALIDITY", "UIDNEXT")))
    if asked.completed.code == _NONEXISTENT and not asked.ok:
        error = FieldError(at, "is not there")
        raise ProblemError(Problem("no-such-mailbox", "The mail server has no such mailbox.", errors=(error,)))
    for one in asked.untagged:
        match one:
            case StatusData(uid_validity=int(validity), uid_next=int(uid_next)) if asked.ok:
                return Floor(mailbox, validity, uid_next)
    return None


def _names(request: SubscriptionRequest) -> list[tuple[str, str]]:
    """Each once, as far as IMAP can spell it, with its pointer."""
    given = request.mailboxes if request.mailboxes is not None else ["INBOX"]
    names = given[:FLOORS_ASKED] if isinstance(given, list) else ()
    places: dict[str, str] = {}
    for place, name in enumerate(names):
        if _has_spelling(name):
            places.setdefault("INBOX" if name.upper() == "INBOX" else name, f"/mailboxes/{place}")
    return [(at, name) for name, at in places.items()]


def _has_spelling(name: str) -> bool:
    try:
        return bool(mailbox_name.encode(name))
    except ValueError:
        return False


def text(said: str) -> str:
    """For a tagged response, whatever somebody has put into it."""
    return "".join(one if " " <= one <= "~" and one not in "[]" else "?" for one in said[:TEXT_CHARACTERS])


def answered(error: ProblemError, renamed: Mapping[str, str] | None = None, most: PlainCode | None = None) -> Answer:
    """``renamed``: pointers as the client spells the members. ``most``: the code where an account has as many as it may."""
    problem = error.problem
    said = text(_errors(problem, renamed or {}) or problem.detail)
    if problem.code in _SYNTAX:
        return Answer(Condition.BAD, said)
    code = PlainCode(problem.entry.imap_code or "CANNOT")
    if most is not None and problem.code == "too-many-requests" and problem.retry_after_seconds is None:
        code = most
    return Answer(Condition.NO, said, code)


def _errors(problem: Problem, renamed: Mapping[str, str]) -> str:
    """Each says what the detail says, and where. What concerns the whole the detail alone says."""
    errors = [one for one in problem.errors if one.pointer]
    told = [f"{renamed.get(one.pointer, one.pointer)} {one.detail}" for one in errors[:ERRORS_TOLD]]
    more = len(errors) - ERRORS_TOLD
    told += [f"and {more} more"] if more > 0 else []
    return "; ".join(told)


async def answering(
    answer: Awaitable[Answer], renamed: Mapping[str, str] | None = None, most: PlainCode | None = None
) -> Answer:
    """What it answers, whatever it was refused with."""
    try:
        return await answer
    except Refused as refused:
        return refused.answer
    except ProblemError as error:
        return answered(error, renamed, most)
