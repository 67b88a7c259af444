"""Facts as lines of a log, and everybody else's log records in the same form.

What comes from outside (a server's text, a host name) is escaped: no value can end a line, move a terminal's cursor or
turn the direction of writing. What is of type :data:`~idlebell.telemetry.facts.OthersWords` is left out above ``debug``
unless ``names`` are wanted: it may name a user, a mailbox or a correspondent. Of an exception only its class and its way
through the files is written; its text could hold anything.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, TextIO

from idlebell.telemetry.facts import OWN_WORDS, Fact, where_raised

MAX_VALUE_CHARS = 1_000
"""Of one value; a server's text may be 8 KiB, and nobody reads that in a log."""
MAX_LINE_CHARS = 8_000
MAX_FRAMES = 12
LOGGER = "idlebell"
HIDDEN = "hidden"
"""Stands for others' words."""

# C0, DEL, C1; line and paragraph separators; the controls of writing direction (Unicode TR 9) and what joins or hides.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
# What is written as it is: visible ASCII without quotation mark, equals sign and backslash.
_PLAIN = re.compile(rf"[!#-<>-\[\]-~]{{1,{MAX_VALUE_CHARS}}}", re.ASCII)
_NEEDS_QUOTES = re.compile(r'[\s"=\\]|^$')
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def event_name(fact: type[Fact]) -> str:
    """``SessionOpened`` is ``session_opened``."""
    return _CAMEL.sub("_", fact.__name__).lower()


@cache
def _shape(fact: type[Any]) -> tuple[str, tuple[str, ...], frozenset[str]]:
    fields = dataclasses.fields(fact)
    # The annotation as it is written there: a type that is a str to the program.
    others = frozenset(field.name for field in fields if field.type == "OthersWords")
    return event_name(fact), tuple(field.name for field in fields), others


def _shape_of(fact: Fact) -> tuple[str, tuple[str, ...], frozenset[str]]:
    """Its event, the names of its members, and those of them that are others' words."""
    kind: Any = type(fact)  # mypy takes a frozen dataclass for something that has no hash
    return _shape(kind)


def escaped(text: str) -> str:
    """On one line, with nothing that acts on a terminal, and not longer than :data:`MAX_VALUE_CHARS`."""
    if len(text) > MAX_VALUE_CHARS:
        text = text[: MAX_VALUE_CHARS - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class LogSink:
    """Writes each fact to the logger ``idlebell`` at the fact's own level."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger(LOGGER)

    def __call__(self, fact: Fact) -> None:
        if self._logger.isEnabledFor(fact.level):
            # Not by its log(): that walks the stack to find out who called, and no line says so.
            logger, (event, *_) = self._logger, _shape_of(fact)
            logger.handle(logger.makeRecord(logger.name, fact.level, "", 0, event, (), None, extra={"fact": fact}))


def _hidden(fact: Fact, others: frozenset[str], *, names: bool) -> frozenset[str]:
    """Members that are not shown."""
    return frozenset() if names or getattr(fact, "code", None) in OWN_WORDS else others


def members(record: logging.LogRecord, *, names: bool = False) -> dict[str, Any]:
    """What a line says, in order: the event or the message, then the fact's members that say anything. ``names``: also
    others' words."""
    found: dict[str, Any] = {}
    fact = getattr(record, "fact", None)
    if isinstance(fact, Fact):
        found["event"], own, others = _shape_of(fact)
        hidden = _hidden(fact, others, names=names)
        for name in own:
            value = getattr(fact, name)
            if value is not None and value != "":
                found[name] = HIDDEN if name in hidden else _plain(value)
    else:
        found["logger"] = escaped(record.name)
        text = record.getMessage()
        # asyncio puts the repr of a task, and with it the text of its exception, behind the first line.
        found["message"] = escaped(text.partition("\n")[0] if record.name == "asyncio" else text)
    if record.exc_info is not None and record.exc_info[1] is not None:
        error = record.exc_info[1]
        found["error"] = where_raised(error)
        frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
        found["trace"] = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return found


def _plain(value: Any) -> int | float | bool | str:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, (bool, int)):
        return value
    return escaped(str(value))


class TextFormatter(logging.Formatter):
    """``2026-11-22T04:00:00.123Z info session_opened account=acc_… host=imap.example.org took_ms=41.2``"""

    def __init__(self, *, names: bool = False) -> None:
        super().__init__()
        self._names = names

    def format(self, record: logging.LogRecord) -> str:
        fact = getattr(record, "fact", None)
        shape = _shape_of(fact) if isinstance(fact, Fact) and record.exc_info is None else None
        if shape is not None and (self._names or not shape[2]):
            head, own, _ = shape
            rest = "".join([self._member(name, getattr(fact, name)) for name in own])
        else:
            found = members(record, names=self._names)
            head = str(found.pop("event", None) or f"{found.pop('logger')}: {found.pop('message')}")
            rest = "".join([f" {name}={self._value(value)}" for name, value in found.items()])
        return f"{_time(record)} {record.levelname.lower()} {head}{rest}"[:MAX_LINE_CHARS]

    def _member(self, name: str, value: Any) -> str:
        """As :func:`members` has it; most are words and numbers, and stand there as they are."""
        if type(value) is str and _PLAIN.fullmatch(value):
            return f" {name}={value}"
        return "" if value is None or value == "" else f" {name}={self._value(_plain(value))}"

    @staticmethod
    def _value(value: int | float | bool | str) -> str:
        if not isinstance(value, str):
            return str(value).lower()
        # The escapes made above hold a backslash of their own; they stay as they are.
        return '"' + value.replace('"', '\\"') + '"' if _NEEDS_QUOTES.search(value) else value


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, then the members."""

    def __init__(self, *, names: bool = False) -> None:
        super().__init__()
        self._names = names

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": _time(record), "level": record.levelname.lower(), **members(record, names=self._names)}
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


FORMATTERS: dict[str, type[TextFormatter] | type[JsonFormatter]] = {"text": TextFormatter, "json": JsonFormatter}
# These speak of their own bytes and sockets below warning; what they say there could hold a header.
_FOREIGN = ("asyncio", "aiohttp", "uvicorn", "hypercorn", "litestar")


def configure(
    form: Literal["text", "json"] = "text",
    level: str = "info",
    stream: TextIO | None = None,
    *,
    names: bool = False,
) -> logging.Handler:
    """Makes the root logger write to ``stream`` (None: standard error) in this form, and returns its handler. Called again
    it replaces what it made before, so that a new configuration takes effect. ``names``: others' words are shown at every
    level; at ``debug`` they are anyhow."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.set_name(LOGGER)
    handler.setFormatter(FORMATTERS[form](names=names or level == "debug"))
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.get_name() == LOGGER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(level.upper())
    for name in _FOREIGN:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    # No line says in which thread or process it was written; who asks for nothing pays nothing.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    return handler
