"""UID SEARCH (RFC 9051 section 6.4.4): the keys that a watcher or a test may use, joined by AND, with NOT and OR."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from email.utils import parsedate_to_datetime

from idlebell.imap.sequence_set import STAR, SequenceSet
from idlebell.testing.fetch_items import header_of
from idlebell.testing.mailbox import Message

Test = Callable[[Message], bool]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+')
_FLAGS = {
    "SEEN": "\\Seen",
    "DELETED": "\\Deleted",
    "DRAFT": "\\Draft",
    "FLAGGED": "\\Flagged",
    "ANSWERED": "\\Answered",
}
_HEADERS = {"SUBJECT": "subject", "FROM": "from", "TO": "to", "CC": "cc", "BCC": "bcc"}


class UnknownKeyError(Exception):
    """A search key that this server does not know: the command gets BAD."""


def search(criteria: str, messages: Iterable[Message], largest: int) -> list[int]:
    """UIDs, in their order. ``largest``: the largest UID there is, which ``*`` means (0: none)."""
    there = list(messages)
    tokens = _Tokens(_TOKEN.findall(criteria), largest, [message.uid for message in there])
    test = _all(tokens)
    return [message.uid for message in there if test(message)]


class _Tokens:
    def __init__(self, tokens: list[str], largest: int, uids: list[int]) -> None:
        self.uids = uids
        self._left = iter(tokens)
        self._next = next(self._left, None)
        self.largest = largest

    def peek(self) -> str | None:
        return self._next

    def take(self) -> str:
        token = self._next
        if token is None:
            raise UnknownKeyError("more expected")
        self._next = next(self._left, None)
        return token

    def text(self) -> str:
        token = self.take()
        return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token


def _all(tokens: _Tokens) -> Test:
    tests: list[Test] = []
    while tokens.peek() not in (None, ")"):
        tests.append(_key(tokens))
    return lambda message: all(test(message) for test in tests)


def _key(tokens: _Tokens) -> Test:
    token = tokens.take()
    name = token.upper()
    if name == "(":
        inner = _all(tokens)
        if tokens.take() != ")":
            raise UnknownKeyError(") expected")
        return inner
    if name == "CHARSET":
        tokens.take()
        return _key(tokens)
    if name == "NOT":
        negated = _key(tokens)
        return lambda message: not negated(message)
    if name == "OR":
        one, two = _key(tokens), _key(tokens)
        return lambda message: one(message) or two(message)
    if name in ("ALL", "UNDELETED", "UNSEEN", "UNDRAFT", "UNFLAGGED", "UNANSWERED", *_FLAGS):
        return _flag(name)
    if token[0] in "*0123456789":
        return _numbers(token, tokens.uids)
    if name == "UID":
        return _uids(tokens.take(), tokens.largest)
    if name in _HEADERS:
        return _header(_HEADERS[name], tokens.text())
    if name == "HEADER":
        return _header(tokens.text().lower(), tokens.text())
    if name in ("SINCE", "BEFORE", "ON"):
        return _dated(name, tokens.text())
    if name == "SENTSINCE":
        return _sent_since(tokens.text())
    if name in ("LARGER", "SMALLER"):
        return _sized(name, tokens.take())
    raise UnknownKeyError(name)


def _flag(name: str) -> Test:
    if name == "ALL":
        return lambda _: True
    if name in _FLAGS:
        flag = _FLAGS[name]
        return lambda message: flag in message.flags
    absent = _FLAGS[name.removeprefix("UN")]
    return lambda message: absent not in message.flags


def _numbers(spelled: str, uids: list[int]) -> Test:
    """Message numbers."""
    number = {uid: place for place, uid in enumerate(uids, 1)}
    wanted = _ranges(spelled, len(uids))
    return lambda message: any(low <= number[message.uid] <= high for low, high in wanted)


def _uids(spelled: str, largest: int) -> Test:
    wanted = _ranges(spelled, largest)
    return lambda message: any(low <= message.uid <= high for low, high in wanted)


def _ranges(spelled: str, largest: int) -> list[tuple[int, int]]:
    try:
        ranges = tuple(
            (_number(first), _number(last or first))
            for first, _, last in (one.partition(":") for one in spelled.split(","))
        )
    except ValueError:
        raise UnknownKeyError("sequence set expected") from None
    return resolve(SequenceSet(ranges), largest)


def resolve(uids: SequenceSet, largest: int) -> list[tuple[int, int]]:
    """Ranges with ``*`` put in: it is the largest UID in use, so ``9:*`` also names the last message (RFC 9051 6.4.9)."""
    return [
        (min(first, last), max(first, last))
        for first, last in ((one or largest, two or largest) for one, two in uids.ranges)
    ]


def _number(spelled: str) -> int:
    return STAR if spelled == "*" else int(spelled)


def _header(name: str, wanted: str) -> Test:
    needle = wanted.lower().encode()
    return lambda message: needle in header_of(message, name).lower()


def _day(spelled: str) -> date:
    try:
        # No zone is meant: RFC 9051 disregards time and timezone here.
        return datetime.strptime(spelled, "%d-%b-%Y").date()  # noqa: DTZ007
    except ValueError:
        raise UnknownKeyError("date expected") from None


def _sent_since(spelled: str) -> Test:
    wanted = _day(spelled)

    def test(message: Message) -> bool:
        try:
            return parsedate_to_datetime(header_of(message, "date").decode("ascii", "replace")).date() >= wanted
        except ValueError:
            return False

    return test


def _dated(name: str, spelled: str) -> Test:
    wanted = _day(spelled)
    if name == "SINCE":
        return lambda message: message.internal_date.date() >= wanted
    if name == "BEFORE":
        return lambda message: message.internal_date.date() < wanted
    return lambda message: message.internal_date.date() == wanted


def _sized(name: str, spelled: str) -> Test:
    if not spelled.isdecimal():
        raise UnknownKeyError("number expected")
    bound = int(spelled)
    if name == "LARGER":
        return lambda message: len(message.content) > bound
    return lambda message: len(message.content) < bound
