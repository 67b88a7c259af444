"""Tests (RFC 5228 section 5 and the extensions'): each is read into a function of a run that says yes or no."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timezone
from types import MappingProxyType
from typing import Final, TypeAlias

from idlebell.rules.mail_address import MailAddress
from idlebell.rules.rule import Needs
from idlebell.rules.sieve.binding import Bound, Takes, bind
from idlebell.rules.sieve.dates import PARTS, moved, read_date, read_zone
from idlebell.rules.sieve.errors import SieveError
from idlebell.rules.sieve.limits import DATE, SAID_CHARACTERS, STEP, VALUE
from idlebell.rules.sieve.reading import INDEXED, MATCHING, Reading
from idlebell.rules.sieve.run import Run
from idlebell.rules.sieve.syntax import TestNode
from idlebell.rules.sieve.templates import variable_name

Test: TypeAlias = Callable[[Run], bool]

_ADDRESS_PARTS: Final[Mapping[str, Callable[[MailAddress], str | None]]] = MappingProxyType(
    {
        "all": lambda one: f"{_spelled(_local_part(one))}@{one.domain}" if one.domain else one.address,
        "localpart": lambda one: _local_part(one) if one.domain else None,
        "domain": lambda one: one.domain or None,
        "user": lambda one: _local_part(one).partition("+")[0] if one.domain else None,
        "detail": lambda one: _local_part(one).partition("+")[2] if one.domain and "+" in one.local_part else None,
    }
)
"""RFC 5228 section 2.7.4, RFC 5233. None: this address is passed over."""
_WITH_ADDRESSES: Final = frozenset(
    {
        *("from", "sender", "reply-to", "to", "cc", "bcc"),
        *("resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc", "resent-bcc"),
        *("return-path", "delivered-to", "x-original-to", "envelope-to", "apparently-to", "approved", "errors-to"),
        *("disposition-notification-to", "return-receipt-to", "mail-followup-to", "mail-reply-to", "abuse-reports-to"),
        *("x-envelope-from", "x-envelope-to", "x-delivered-to", "x-forwarded-to"),
    }
)
_QUOTED: Final = re.compile(r"\\(.)", re.DOTALL)
_DOT_STRING: Final = re.compile(r"[^\x00-\x20()<>\[\]:;@\\,.\"]++(?:\.[^\x00-\x20()<>\[\]:;@\\,.\"]++)*+")
_METHOD: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20]+")
"""RFC 3986 section 3, as far as it matters here."""


def read_test(reading: Reading, node: TestNode) -> Test:
    """SieveError."""
    read = _TESTS.get(node.name)
    if read is None:
        known = ", ".join(_TESTS)
        raise SieveError(
            node.line, _REFUSED.get(node.name) or f"{node.name[:SAID_CHARACTERS]} is no test; there are {known}"
        )
    if node.tests and node.name not in ("not", "allof", "anyof"):
        raise SieveError(node.line, f"{node.name} takes no tests; did you forget a comma?")
    return read(reading, node)


def _constant(value: bool, reading: Reading, node: TestNode) -> Test:
    bind(node, {}, ())
    return lambda run: value


def _not(reading: Reading, node: TestNode) -> Test:
    bind(node, {}, ())
    if len(node.tests) != 1:
        raise SieveError(node.line, "not takes one test")
    test = read_test(reading, node.tests[0])
    return lambda run: not test(run)


def _several(wanted: bool, reading: Reading, node: TestNode) -> Test:
    bind(node, {}, ())
    if not node.tests:
        raise SieveError(node.line, f"{node.name} takes tests in parentheses")
    tests = tuple(read_test(reading, one) for one in node.tests)

    def settled(run: Run) -> bool:
        run.spend(STEP)
        for test in tests:
            if test(run) is wanted:
                return wanted
        return not wanted

    return settled


def _exists(reading: Reading, node: TestNode) -> Test:
    bound = bind(node, {}, (Takes.STRINGS,))
    names = reading.headers(bound.strings(0), node.line)

    def exist(run: Run) -> bool:
        run.spend(STEP * len(names))
        return all(run.evidence.raw_header(name) for name in names)

    return exist


def _size(reading: Reading, node: TestNode) -> Test:
    bound = bind(node, {"over": None, "under": None}, (Takes.NUMBER,))
    which = bound.one_of("over", "under")
    if which is None:
        raise SieveError(node.line, "size wants :over or :under")
    limit = bound.number(0)
    reading.needs |= Needs(size=True)
    if which == "over":
        return lambda run: run.evidence.size > limit
    return lambda run: run.evidence.size < limit


def _header(reading: Reading, node: TestNode) -> Test:
    bound = bind(node, {**MATCHING, **INDEXED}, (Takes.STRINGS, Takes.STRINGS))
    index = reading.index(bound)
    matcher = reading.matcher(bound, bound.strings(1))
    names = reading.headers(bound.strings(0), node.line)

    def header(run: Run) -> bool:
        run.spend(STEP * len(names))
        return matcher(run, [value for name in names for value in run.evidence.header(name)[index]])

    return header


def _address(reading: Reading, node: TestNode) -> Test:
    tags = {**MATCHING, **INDEXED, **dict.fromkeys(_ADDRESS_PARTS)}
    bound = bind(node, tags, (Takes.STRINGS, Takes.STRINGS))
    index = reading.index(bound)
    matcher = reading.matcher(bound, bound.strings(1))
    part = bound.one_of(*_ADDRESS_PARTS) or "all"
    if part in ("user", "detail"):
        reading.wants(f":{part}", "subaddress", node.line)
    names = reading.headers(bound.strings(0), node.line)
    for name in names:
        if name not in _WITH_ADDRESSES:
            raise SieveError(node.line, f"{name} is not known to have addresses; ask it with header instead of address")
    take = _ADDRESS_PARTS[part]

    def address(run: Run) -> bool:
        run.spend(STEP * len(names))
        values = []
        for name in names:
            for one in run.evidence.addresses(name)[index]:
                run.spend(2 * VALUE)
                value = take(one)
                if value is not None:
                    values.append(value)
        return matcher(run, values)

    return address


def _local_part(address: MailAddress) -> str:
    """Without the quotes that it may need (RFC 5228 section 2.7.4)."""
    written = address.local_part
    if len(written) > 1 and written[0] == written[-1] == '"':
        return _QUOTED.sub(r"\1", written[1:-1])
    return written


def _spelled(local_part: str) -> str:
    """With the quotes that it needs (RFC 5321 section 4.1.2)."""
    if _DOT_STRING.fullmatch(local_part) is not None:
        return local_part
    return '"' + local_part.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _body(reading: Reading, node: TestNode) -> Test:
    reading.wants("body", "body", node.line)
    bound = bind(node, {**MATCHING, "text": None, "raw": None, "content": Takes.STRINGS}, (Takes.STRINGS,))
    for tag in ("raw", "content"):
        if tag in bound.tags:
            raise SieveError(
                node.line, f"body looks at the beginning of the text and at nothing else; leave :{tag} out"
            )
    # RFC 5173 section 6: its wildcards set no variables.
    matcher = reading.matcher(bound, bound.strings(0), captures=False)
    reading.needs |= Needs(structure=True, text=True)
    return lambda run: matcher(run, (run.evidence.text(),))


def _string(reading: Reading, node: TestNode) -> Test:
    reading.wants("string", "variables", node.line)
    bound = bind(node, MATCHING, (Takes.STRINGS, Takes.STRINGS))
    sources = reading.templates(bound.strings(0), node.line)
    matcher = reading.matcher(bound, bound.strings(1))
    counted = "count" in bound.tags

    def string(run: Run) -> bool:
        values = [source.text(run) for source in sources]
        # RFC 5229 section 5: empty strings do not count.
        return matcher(run, [value for value in values if value] if counted else values)

    return string


def _hasflag(reading: Reading, node: TestNode) -> Test:
    reading.wants("hasflag", "imap4flags", node.line)
    bound = bind(node, MATCHING, (Takes.STRINGS, Takes.STRINGS), optional=1)
    names: tuple[str, ...] = ()
    if len(bound.values) == 2:
        reading.wants("a flag variable", "variables", node.line)
        names = tuple(variable_name(name, node.line) for name in bound.strings(0))
    keys = [flag for text in bound.strings(-1) for flag in text.split() or [""]]
    matcher = reading.matcher(bound, keys)

    def hasflag(run: Run) -> bool:
        run.spend(STEP * (1 + len(names)))
        if not names:
            return matcher(run, run.flags)
        return matcher(run, [flag for name in names for flag in run.variables.get(name, "").split()])

    return hasflag


# --- dates (RFC 5260) ---


def _date(reading: Reading, node: TestNode) -> Test:
    reading.wants("date", "date", node.line)
    tags = {**MATCHING, **INDEXED, "zone": Takes.STRING, "originalzone": None}
    bound = bind(node, tags, (Takes.STRING, Takes.STRING, Takes.STRINGS))
    # Of several fields the first one, which is the newest of Received.
    index = reading.index(bound) if "index" in bound.tags or "last" in bound.tags else slice(1)
    matcher = reading.matcher(bound, bound.strings(2))
    bound.one_of("zone", "originalzone")
    zone = _zone(reading, bound)
    part = _part(reading, bound, 1)
    original = "originalzone" in bound.tags
    (name,) = reading.headers(bound.strings(0), node.line)

    def date(run: Run) -> bool:
        values = []
        for text in run.evidence.header(name)[index]:
            run.spend(DATE)
            moment = read_date(text)
            if moment is not None:
                values.append(part(moment if original else moved(moment, zone or _local_zone(run))))
        return matcher(run, values)

    return date


def _currentdate(reading: Reading, node: TestNode) -> Test:
    """Now is when the message came: a script runs at its delivery, whenever we look."""
    reading.wants("currentdate", "date", node.line)
    bound = bind(node, {**MATCHING, "zone": Takes.STRING}, (Takes.STRING, Takes.STRINGS))
    matcher = reading.matcher(bound, bound.strings(1))
    zone = _zone(reading, bound)
    part = _part(reading, bound, 0)

    def currentdate(run: Run) -> bool:
        run.spend(DATE)
        moment = run.evidence.received_at
        if moment is None:
            return matcher(run, ())
        return matcher(run, (part(moved(moment, zone) if zone is not None else moment),))

    return currentdate


def _local_zone(run: Run) -> timezone:
    """RFC 5260 section 4.1 means the server's: that of INTERNALDATE."""
    moment = run.evidence.received_at
    offset = moment.utcoffset() if moment is not None else None
    return timezone(offset) if offset is not None else UTC


def _zone(reading: Reading, bound: Bound) -> timezone | None:
    text = bound.tagged("zone")
    if text is None:
        return None
    zone = read_zone(reading.constant(text, bound.line, ":zone"))
    if zone is None:
        raise SieveError(bound.line, ':zone wants a distance from UTC, as "+0100"')
    return zone


def _part(reading: Reading, bound: Bound, place: int) -> Callable[[datetime], str]:
    name = reading.constant(bound.string(place), bound.line, "the part of a date").lower()
    if name not in PARTS:
        raise SieveError(bound.line, f"{bound.name} knows these parts of a date: {', '.join(PARTS)}")
    return PARTS[name]


# --- notifications (RFC 5435) ---


def _valid_notify_method(reading: Reading, node: TestNode) -> Test:
    reading.wants(node.name, "enotify", node.line)
    bound = bind(node, {}, (Takes.STRINGS,))
    methods = reading.templates(bound.strings(0), node.line)
    return lambda run: all(_METHOD.fullmatch(method.text(run)) is not None for method in methods)


def _notify_method_capability(reading: Reading, node: TestNode) -> Test:
    """Section 5: whether its user is online is not known, and there is no other capability."""
    reading.wants(node.name, "enotify", node.line)
    bound = bind(node, MATCHING, (Takes.STRING, Takes.STRING, Takes.STRINGS))
    method = reading.template(bound.string(0), node.line)
    capability = reading.template(bound.string(1), node.line)
    matcher = reading.matcher(bound, bound.strings(2))

    def capable(run: Run) -> bool:
        if _METHOD.fullmatch(method.text(run)) is None or capability.text(run).lower() != "online":
            return False
        return matcher(run, ("maybe",))

    return capable


def _of(value: bool, read: Callable[[bool, Reading, TestNode], Test]) -> Callable[[Reading, TestNode], Test]:
    return lambda reading, node: read(value, reading, node)


_TESTS: Final[Mapping[str, Callable[[Reading, TestNode], Test]]] = MappingProxyType(
    {
        "address": _address,
        "allof": _of(False, _several),
        "anyof": _of(True, _several),
        "body": _body,
        "currentdate": _currentdate,
        "date": _date,
        "exists": _exists,
        "false": _of(False, _constant),
        "hasflag": _hasflag,
        "header": _header,
        "not": _not,
        "notify_method_capability": _notify_method_capability,
        "size": _size,
        "string": _string,
        "true": _of(True, _constant),
        "valid_notify_method": _valid_notify_method,
    }
)
_REFUSED: Final = MappingProxyType(
    {
        "envelope": "a message in a mailbox has no envelope any more; ask its header, as address and header do",
        "mailboxexists": "a script is told of the message, not of mailboxes; leave mailboxexists out",
    }
)
