"""Filters as JMAP has them: FilterOperator and FilterCondition (RFC 8620 section 5.5, RFC 8621 section 4.4.1).

In: JSON. Out: a :class:`~idlebell.rules.rule.Rule` that costs what its conditions look at, or a :class:`FilterError`. Beside
the RFC's conditions stand ``listId`` and ``isBulk``; those of threads are refused, for a message that comes in has none yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from idlebell.model.shown_text import shown
from idlebell.rules import conditions as tests
from idlebell.rules.evidence import BULK_HEADERS, Evidence
from idlebell.rules.rule import NO_NEEDS, Judgement, Needs
from idlebell.rules.search_text import SearchTextError, Sought, read_tokens, sought

DEPTH: Final = 8
"""Operators within operators. A form has two."""
CONDITIONS: Final = 100
"""In all, every member of a FilterCondition counted as one, every operator too."""
TOKENS: Final = 32
"""Words and phrases in all that are looked for. Each may cost a pass over what was fetched of the message, and all together
shall take no more than 5 ms."""
TEXT_TOKENS: Final = 8
"""Of these, in ``text`` and ``body``: what they search is four times as long."""
REPEATING_TOKENS: Final = 8
"""Of all of these, those that overlap themselves: to prepare the search for one takes a tenth of a millisecond."""
TEXT_CHARACTERS: Final = 500
"""Of one string."""
HEADER_NAMES: Final = 30
"""Header fields in all that are fetched for one filter."""
HEADER_NAME_CHARACTERS: Final = 76
"""RFC 5322 section 2.1.1: a line should have no more than 78."""
MAILBOX_CHARACTERS: Final = 1_000
KEYWORD_CHARACTERS: Final = 255
"""RFC 8621 section 4.1.1."""
UNSIGNED_MAX: Final = 2**53 - 1
"""RFC 8620 section 1.3."""
BECAUSE: Final = 8
"""Sentences of one judgement."""
SAID_CHARACTERS: Final = 80
"""Of a string of the filter that such a sentence repeats."""

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$&'+.^_`|~-]+")
"""Less than RFC 5322 section 2.2 allows: what can stand in FETCH without quotes."""
_KEYWORD: Final = re.compile(r"[^\x00-\x20()\[\]{%*\"\\\x7f-\U0010ffff]+")
_UTC_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")


class FilterError(Exception):
    """``pointer`` is a JSON pointer into the filter; ``detail`` says what is wrong there, to go on after it."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer or 'the filter'} {detail}")
        self.pointer = pointer
        self.detail = detail


class Operator(StrEnum):
    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    """None of the conditions matches."""


_AND, _OR = Operator.AND, Operator.OR


@dataclass(frozen=True, slots=True)
class Test:
    """One member of a FilterCondition. ``said``: what to tell the user where it fails, and where it holds."""

    __test__ = False
    passes: Callable[[Evidence], bool]
    said: tuple[tuple[str], tuple[str]]
    needs: Needs = NO_NEEDS


@dataclass(frozen=True, slots=True)
class Group:
    operator: Operator
    members: tuple[Node, ...]
    """Those that need the text last, so that it is asked for only where the others leave it open."""


Node: TypeAlias = Test | Group


@dataclass(frozen=True, slots=True)
class Filter:
    """See :class:`~idlebell.rules.rule.Rule`."""

    root: Group
    needs: Needs

    def decide(self, evidence: Evidence) -> Judgement:
        rings, because = _decide(self.root, evidence)
        return Judgement(rings, because[:BECAUSE])


def _decide(group: Group, evidence: Evidence) -> tuple[bool, tuple[str, ...]]:
    """What settles it is all that is told; where nothing does, all that was asked."""
    because: tuple[str, ...] = ()
    operator = group.operator
    settles = operator is not _AND
    for member in group.members:
        if type(member) is Test:
            passed = member.passes(evidence)
            why: tuple[str, ...] = member.said[passed]
        else:
            passed, why = _decide(member, evidence)  # type: ignore[arg-type]  # there are two kinds of node
        if passed is settles:
            return operator is _OR, why
        because += why
    return operator is not _OR, because[:BECAUSE]


# --- reading ---


def read_filter(value: object) -> Filter:
    """FilterError: it is none, with the first fault that was found."""
    reader = _Reader()
    node = reader.node(value, "", 1)
    root = Group(Operator.AND, (node,)) if isinstance(node, Test) else node
    return Filter(root, _needs(root))


class _Reader:
    """Counts over the whole filter."""

    __slots__ = ("_conditions", "_header_names", "_repeating_tokens", "_text_tokens", "_tokens")

    def __init__(self) -> None:
        self._conditions = 0
        self._tokens = self._text_tokens = self._repeating_tokens = 0
        self._header_names: set[str] = set()

    def node(self, value: object, at: str, depth: int) -> Node:
        if not isinstance(value, dict):
            raise FilterError(at, "must be an object: a FilterOperator or a FilterCondition of RFC 8621")
        if depth > DEPTH:
            raise FilterError(at, f"lies deeper than {DEPTH} operators")
        return self._group(value, at, depth) if "operator" in value else self._condition(value, at)

    def _group(self, value: Mapping[str, Any], at: str, depth: int) -> Group:
        self._count(at)
        for name in value:
            if name not in ("operator", "conditions"):
                raise FilterError(below(at, name), "cannot stand beside operator; make it one of its conditions")
        operator, members = value["operator"], value.get("conditions")
        if operator not in tuple(Operator):
            raise FilterError(at + "/operator", "must be AND, OR or NOT")
        if not isinstance(members, list):
            raise FilterError(at + "/conditions", "must be a list of filters")
        if len(members) > CONDITIONS:
            raise FilterError(at + "/conditions", f"has more than {CONDITIONS} conditions")
        read = [self.node(member, f"{at}/conditions/{place}", depth + 1) for place, member in enumerate(members)]
        return Group(Operator(operator), _cheapest_first(read))

    def _condition(self, value: Mapping[str, Any], at: str) -> Node:
        read: list[Node] = []
        for name, given in value.items():
            self._count(at)
            here = below(at, name)
            make = _MEMBERS.get(name)
            if make is None:
                raise FilterError(here, _not_known(name))
            read.append(make(self, given, here, name))
        return read[0] if len(read) == 1 else Group(Operator.AND, _cheapest_first(read))

    def _count(self, at: str) -> None:
        self._conditions += 1
        if self._conditions > CONDITIONS:
            raise FilterError(at, f"is one condition more than the {CONDITIONS} that a filter may have")

    # --- values ---

    def tokens(self, given: object, at: str, *, of_text: bool = False) -> tuple[Sought, ...]:
        text = self.string(given, at, TEXT_CHARACTERS)
        try:
            found = read_tokens(text)
        except SearchTextError as error:
            raise FilterError(at, str(error)) from None
        self._tokens += len(found)
        if self._tokens > TOKENS:
            raise FilterError(at, f"makes more than the {TOKENS} words and phrases that a filter may look for")
        self._text_tokens += len(found) * of_text
        if self._text_tokens > TEXT_TOKENS:
            raise FilterError(
                at, f"makes more than the {TEXT_TOKENS} words and phrases that may be looked for in the text"
            )
        ready: list[Sought] = []
        for token in found:
            one = sought(token)
            self._repeating_tokens += not isinstance(one, str)
            if self._repeating_tokens > REPEATING_TOKENS:
                detail = f"makes more than the {REPEATING_TOKENS} words and phrases that may repeat themselves, as ***** does"
                raise FilterError(at, detail)
            ready.append(one)
        return tuple(ready)

    def header_name(self, given: object, at: str) -> str:
        name = self.string(given, at, HEADER_NAME_CHARACTERS).lower()
        if _HEADER_NAME.fullmatch(name) is None:
            raise FilterError(at, "must be the name of a header field, without its colon")
        self._header_names.add(name)
        if len(self._header_names) > HEADER_NAMES:
            raise FilterError(at, f"is one header field more than the {HEADER_NAMES} that a filter may look at")
        return name

    def string(self, given: object, at: str, characters: int) -> str:
        if not isinstance(given, str):
            raise FilterError(at, "must be a string")
        if not given.strip():
            raise FilterError(at, "is empty; leave it out instead")
        if len(given) > characters:
            raise FilterError(at, f"has more than {characters} characters")
        return given


# --- the members of a FilterCondition; each makes a Test of its value ---


def _in_field(field: str, reader: _Reader, given: object, at: str, name: str) -> Node:
    tokens = reader.tokens(given, at)
    if len(tokens) == 1 and isinstance(tokens[0], str):
        passes = partial(tests.has_word, field, tokens[0])
    else:
        passes = partial(tests.has_words, field, tokens)
    return Test(passes, _says(name, given), Needs(headers=frozenset({field})))


def _text(reader: _Reader, given: object, at: str, name: str) -> Node:
    tokens = reader.tokens(given, at, of_text=True)
    needs = Needs(headers=frozenset(tests.TEXT_HEADERS), structure=True, text=True)
    return Test(partial(tests.contains_anywhere, tokens), _says(name, given), needs)


def _body(reader: _Reader, given: object, at: str, name: str) -> Node:
    tokens = reader.tokens(given, at, of_text=True)
    return Test(partial(tests.contains_in_text, tokens), _says(name, given), Needs(structure=True, text=True))


def _header(reader: _Reader, given: object, at: str, name: str) -> Node:
    if not isinstance(given, list) or len(given) not in (1, 2):
        raise FilterError(
            at, "must be a list of a header field's name and, if it is not only to be there, text to look for"
        )
    field = reader.header_name(given[0], at + "/0")
    needs = Needs(headers=frozenset({field}))
    if len(given) == 1:
        return Test(partial(tests.is_there, field), _said(f"{field} is there", f"{field} is not there"), needs)
    return _in_field(field, reader, given[1], at + "/1", field)


def _keyword(wanted: bool, reader: _Reader, given: object, at: str, name: str) -> Node:
    keyword = reader.string(given, at, KEYWORD_CHARACTERS).lower()
    if _KEYWORD.fullmatch(keyword) is None:
        raise FilterError(at, "must be a keyword: $seen, $flagged, $answered, $draft or one of your own")
    there, missing = f"{keyword} is set", f"{keyword} is not set"
    return Test(partial(tests.has_keyword, keyword, wanted), _either(wanted, there, missing), Needs(flags=True))


def _min_size(_: _Reader, given: object, at: str, name: str) -> Node:
    size = _unsigned(given, at)
    more, fewer, needs = f"it has {size} bytes or more", f"it has fewer than {size} bytes", Needs(size=True)
    return Test(partial(tests.is_at_least, size), _said(more, fewer), needs)


def _max_size(_: _Reader, given: object, at: str, name: str) -> Node:
    size = _unsigned(given, at)
    more, fewer, needs = f"it has {size} bytes or more", f"it has fewer than {size} bytes", Needs(size=True)
    return Test(partial(tests.is_under, size), _said(fewer, more), needs)


def _before(_: _Reader, given: object, at: str, name: str) -> Node:
    date = _utc_date(given, at)
    return Test(partial(tests.came_before, date), _said(f"it came before {given}", f"it did not come before {given}"))


def _after(_: _Reader, given: object, at: str, name: str) -> Node:
    date = _utc_date(given, at)
    return Test(partial(tests.came_since, date), _said(f"it came at {given} or after", f"it came before {given}"))


def _has_attachment(_: _Reader, given: object, at: str, name: str) -> Node:
    wanted = _boolean(given, at)
    said = _either(wanted, "it has an attachment", "it has no attachment")
    return Test(partial(tests.has_attachment, wanted), said, Needs(structure=True))


def _is_bulk(_: _Reader, given: object, at: str, name: str) -> Node:
    wanted = _boolean(given, at)
    said = _either(wanted, "it went to many or was sent by a program", "it is no bulk mail")
    return Test(partial(tests.is_bulk, wanted), said, Needs(headers=frozenset(BULK_HEADERS)))


def _in_mailbox(reader: _Reader, given: object, at: str, name: str) -> Node:
    mailbox = reader.string(given, at, MAILBOX_CHARACTERS)
    name = shown(mailbox, SAID_CHARACTERS)
    said = _said(f"it is in {name}", f"it is not in {name}")
    return Test(partial(tests.is_in, frozenset({_mailbox(mailbox)}), True), said)


def _in_mailbox_other_than(reader: _Reader, given: object, at: str, name: str) -> Node:
    if not isinstance(given, list) or len(given) > CONDITIONS:
        raise FilterError(at, f"must be a list of mailboxes, {CONDITIONS} at most")
    mailboxes = frozenset(
        _mailbox(reader.string(one, f"{at}/{place}", MAILBOX_CHARACTERS)) for place, one in enumerate(given)
    )
    said = _said("it is in none of the mailboxes named", "it is in one of the mailboxes named")
    return Test(partial(tests.is_in, mailboxes, False), said)


_MEMBERS: Final[Mapping[str, Callable[[_Reader, object, str, str], Node]]] = MappingProxyType(
    {
        "from": partial(_in_field, "from"),
        "to": partial(_in_field, "to"),
        "cc": partial(_in_field, "cc"),
        "bcc": partial(_in_field, "bcc"),
        "subject": partial(_in_field, "subject"),
        "header": _header,
        "text": _text,
        "body": _body,
        "hasKeyword": partial(_keyword, True),
        "notKeyword": partial(_keyword, False),
        "minSize": _min_size,
        "maxSize": _max_size,
        "after": _after,
        "before": _before,
        "hasAttachment": _has_attachment,
        "inMailbox": _in_mailbox,
        "inMailboxOtherThan": _in_mailbox_other_than,
        "listId": partial(_in_field, "list-id"),
        "isBulk": _is_bulk,
    }
)
CONDITION_NAMES: Final = tuple(_MEMBERS)
"""In the order of the manual."""
_OF_THREADS: Final = ("allInThreadHaveKeyword", "someInThreadHaveKeyword", "noneInThreadHaveKeyword")


def _not_known(name: str) -> str:
    if name in _OF_THREADS:
        return "looks at a thread, which a message that has just come is in no view of; not supported"
    near = get_close_matches(name[:100], [*_MEMBERS, "operator"], 1)
    return f"is no condition; did you mean {near[0]}?" if near else "is no condition that is known"


def below(at: str, name: str) -> str:
    return at + "/" + name[:100].replace("~", "~0").replace("/", "~1")


def _says(name: str, given: object) -> tuple[tuple[str], tuple[str]]:
    text = shown(str(given), SAID_CHARACTERS)
    return _said(f'{name} has "{text}"', f'{name} does not have "{text}"')


def _said(holds: str, fails: str) -> tuple[tuple[str], tuple[str]]:
    return (fails,), (holds,)


def _either(wanted: bool, yes: str, no: str) -> tuple[tuple[str], tuple[str]]:
    return _said(yes, no) if wanted else _said(no, yes)


def _boolean(given: object, at: str) -> bool:
    if not isinstance(given, bool):
        raise FilterError(at, "must be true or false")
    return given


def _unsigned(given: object, at: str) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= UNSIGNED_MAX:
        raise FilterError(at, "must be a number of bytes, 0 or more")
    return given


def _utc_date(given: object, at: str) -> datetime:
    if isinstance(given, str) and _UTC_DATE.fullmatch(given) is not None:
        try:
            return datetime.fromisoformat(given.removesuffix("Z")).replace(tzinfo=UTC)
        except ValueError:
            pass
    raise FilterError(at, "must be a time in UTC as 2026-11-26T08:00:00Z")


def _mailbox(name: str) -> str:
    return "INBOX" if name.upper() == "INBOX" else name


def _needs(node: Node) -> Needs:
    if isinstance(node, Test):
        return node.needs
    needs = NO_NEEDS
    for member in node.members:
        needs |= _needs(member)
    return needs


def _cheapest_first(members: list[Node]) -> tuple[Node, ...]:
    return tuple(sorted(members, key=lambda member: _needs(member).text))
