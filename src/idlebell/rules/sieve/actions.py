"""Commands (RFC 5228 sections 3 and 4 and the extensions'): each is read into a function that changes a run.

What an action would do with the message is only noted, see :class:`~idlebell.rules.sieve.run.Deed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias
from urllib.parse import quote

from idlebell.model.shown_text import shown
from idlebell.rules.sieve.binding import Bound, Takes, bind
from idlebell.rules.sieve.comparators import casemapped
from idlebell.rules.sieve.errors import RunError, SieveError
from idlebell.rules.sieve.limits import FLAG_CHARACTERS, FLAGS, SAID_CHARACTERS, STEP, VARIABLE_CHARACTERS, VARIABLES
from idlebell.rules.sieve.reading import Reading
from idlebell.rules.sieve.run import Deed, Run
from idlebell.rules.sieve.syntax import CommandNode
from idlebell.rules.sieve.templates import Template, variable_name

Command: TypeAlias = Callable[[Run], None]

READ: Final = frozenset({"\\seen", "\\deleted"})
"""Flags that say that nobody waits for the message."""
_SYSTEM_FLAGS: Final = frozenset({"\\answered", "\\deleted", "\\draft", "\\flagged", "\\seen"})
"""RFC 9051 section 2.3.2; \\Recent is the server's alone."""
_FLAGGED: Final[Mapping[str, Takes | None]] = {"flags": Takes.STRINGS}


def read_action(reading: Reading, node: CommandNode) -> Command:
    """SieveError."""
    read = _ACTIONS.get(node.name)
    if read is None:
        known = ", ".join(sorted((*_ACTIONS, "if", "require")))
        raise SieveError(node.line, f"{shown(node.name, SAID_CHARACTERS)} is no command; there are {known}")
    if node.tests:
        raise SieveError(node.line, f"{node.name} takes no test; did you forget a semicolon?")
    if node.block is not None:
        raise SieveError(node.line, f"{node.name} ends with a semicolon and has no block")
    return read(reading, node)


def _stop(reading: Reading, node: CommandNode) -> Command:
    bind(node, {}, ())

    def stop(run: Run) -> None:
        run.stopped = True

    return stop


# --- what becomes of the message ---


def _keep(reading: Reading, node: CommandNode) -> Command:
    bound = bind(node, _FLAGGED, ())
    flags = _flags_given(reading, bound)
    said, read = f"line {node.line}: keep", f"line {node.line}: keep, but as read or deleted"

    def keep(run: Run) -> None:
        run.implicit_keep = False
        run.do(*((Deed.KEPT_READ, read) if marks_read(run, flags) else (Deed.KEPT, said)))

    return keep


def _discard(reading: Reading, node: CommandNode) -> Command:
    bind(node, {}, ())
    return _takes_away(f"line {node.line}: discard")


def _takes_away(said: str) -> Command:
    def away(run: Run) -> None:
        run.implicit_keep = False
        run.do(Deed.MOVED, said)

    return away


def _fileinto(reading: Reading, node: CommandNode) -> Command:
    reading.wants("fileinto", "fileinto", node.line)
    bound = bind(node, {**_FLAGGED, "copy": None, "create": None}, (Takes.STRING,))
    copy = _copies(reading, bound)
    if "create" in bound.tags:
        reading.wants(":create", "mailbox", node.line)
    flags = _flags_given(reading, bound)
    mailbox = reading.template(bound.string(0), node.line)
    if mailbox.constant == "":
        raise SieveError(node.line, "fileinto wants the name of a mailbox")

    def fileinto(run: Run) -> None:
        run.implicit_keep = run.implicit_keep and copy
        name = mailbox.text(run)
        said = f'line {node.line}: fileinto "{shown(name, SAID_CHARACTERS)}"'
        if _mailbox(name) != _mailbox(run.evidence.mailbox):
            run.do(Deed.MOVED, said + ", which is another mailbox")
        elif marks_read(run, flags):
            run.do(Deed.KEPT_READ, said + ", but as read or deleted")
        else:
            run.do(Deed.KEPT, said)

    return fileinto


def _mailbox(name: str) -> str:
    return "INBOX" if name.upper() == "INBOX" else name


def _redirect(reading: Reading, node: CommandNode) -> Command:
    bound = bind(node, {"copy": None}, (Takes.STRING,))
    reading.template(bound.string(0), node.line)
    return _nothing if _copies(reading, bound) else _takes_away(f"line {node.line}: redirect")


def _nothing(run: Run) -> None:
    """It says nothing of whether the message stays."""


def _reject(reading: Reading, node: CommandNode) -> Command:
    reading.wants(node.name, node.name, node.line)
    bind(node, {}, (Takes.STRING,))
    return _takes_away(f"line {node.line}: {node.name}")


def _vacation(reading: Reading, node: CommandNode) -> Command:
    """RFC 5230: an answer to the sender. It is the server's to send."""
    if "vacation-seconds" not in reading.extensions:
        reading.wants("vacation", "vacation", node.line)
    tags = {
        "days": Takes.NUMBER,
        "seconds": Takes.NUMBER,
        "subject": Takes.STRING,
        "from": Takes.STRING,
        "addresses": Takes.STRINGS,
        "mime": None,
        "handle": Takes.STRING,
    }
    bound = bind(node, tags, (Takes.STRING,))
    bound.one_of("days", "seconds")
    if "seconds" in bound.tags:
        reading.wants(":seconds", "vacation-seconds", node.line)
    return _nothing


def _copies(reading: Reading, bound: Bound) -> bool:
    """RFC 3894: the implicit keep stands."""
    if "copy" in bound.tags:
        reading.wants(":copy", "copy", bound.line)
    return "copy" in bound.tags


# --- flags (RFC 5232) ---


def marks_read(run: Run, flags: tuple[Template, ...] | None = None) -> bool:
    """Would the script mark it as read, which it was not? ``flags`` stand in place of the internal variable."""
    given = run.flags if flags is None else [flag for text in flags for flag in _split(text.text(run))]
    return any(flag.lower() in READ and not run.evidence.message.has_flag(flag) for flag in given)


def _flags_given(reading: Reading, bound: Bound) -> tuple[Template, ...] | None:
    if "flags" not in bound.tags:
        return None
    reading.wants(":flags", "imap4flags", bound.line)
    return reading.templates(getattr(bound.tags["flags"], "values", ()), bound.line)


def _flag_action(reading: Reading, node: CommandNode) -> Command:
    reading.wants(node.name, "imap4flags", node.line)
    bound = bind(node, {}, (Takes.STRING, Takes.STRINGS), optional=1)
    variable = None
    if len(bound.values) == 2:
        reading.wants("a flag variable", "variables", node.line)
        variable = variable_name(bound.string(0), node.line)
    flags = reading.templates(bound.strings(-1), node.line)
    change = _CHANGES[node.name]

    def act(run: Run) -> None:
        run.spend(STEP)
        given = [flag for text in flags for flag in _split(text.text(run))]
        run.spend(STEP * (len(given) + len(run.flags) // 4))
        if variable is None:
            run.flags = change(run.flags, given)
        else:
            _set(run, variable, " ".join(change(_split(run.variables.get(variable, "")), given)))

    return act


def _split(text: str) -> list[str]:
    """Several may stand in one string. What is no flag that a message can get is left out (section 2)."""
    return [
        flag
        for flag in text.split()
        if len(flag) <= FLAG_CHARACTERS and (flag[0] != "\\" or flag.lower() in _SYSTEM_FLAGS)
    ]


def _added(flags: list[str], given: list[str]) -> list[str]:
    known = {flag.lower(): flag for flag in flags}
    for flag in given:
        known.setdefault(flag.lower(), flag)
    return list(known.values())[:FLAGS]


def _removed(flags: list[str], given: list[str]) -> list[str]:
    gone = {flag.lower() for flag in given}
    return [flag for flag in flags if flag.lower() not in gone]


_CHANGES: Final[Mapping[str, Callable[[list[str], list[str]], list[str]]]] = MappingProxyType(
    {"setflag": lambda flags, given: _added([], given), "addflag": _added, "removeflag": _removed}
)

# --- variables (RFC 5229) ---


def _lowered(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _first(change: Callable[[str], str], text: str) -> str:
    return change(text[:1]) + text[1:]


def _quoted_wildcards(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


_MODIFIERS: Final[Mapping[str, tuple[int, Callable[[str], str]]]] = MappingProxyType(
    {
        "lower": (40, _lowered),
        "upper": (40, casemapped),
        "lowerfirst": (30, partial(_first, _lowered)),
        "upperfirst": (30, partial(_first, casemapped)),
        "quotewildcard": (20, _quoted_wildcards),
        "encodeurl": (15, lambda text: quote(text, safe="-._~", errors="replace")),
        "length": (10, lambda text: str(len(text))),
    }
)
"""RFC 5229 section 4.1 and RFC 5435 section 6. The higher number comes first, and of one number there is one at most."""


def _set_command(reading: Reading, node: CommandNode) -> Command:
    reading.wants("set", "variables", node.line)
    bound = bind(node, dict.fromkeys(_MODIFIERS), (Takes.STRING, Takes.STRING))
    if "encodeurl" in bound.tags:
        reading.wants(":encodeurl", "enotify", node.line)
    bound.one_of("lower", "upper")
    bound.one_of("lowerfirst", "upperfirst")
    name = variable_name(bound.string(0), node.line)
    value = reading.template(bound.string(1), node.line)
    changes = tuple(
        change for _, change in sorted((_MODIFIERS[tag] for tag in bound.tags), key=lambda one: one[0], reverse=True)
    )

    def set_variable(run: Run) -> None:
        text = value.text(run)
        for change in changes:
            run.spend(STEP + len(text))
            text = change(text)[:VARIABLE_CHARACTERS]
        _set(run, name, text)

    return set_variable


def _set(run: Run, name: str, value: str) -> None:
    run.spend(STEP)
    if name not in run.variables and len(run.variables) >= VARIABLES:
        raise RunError(f"the script was ended, for it has more than {VARIABLES} variables; so it rings")
    run.variables[name] = value[:VARIABLE_CHARACTERS]


# --- notify (RFC 5435) ---


def _notify(reading: Reading, node: CommandNode) -> Command:
    """The one action that is done, by ringing. How and where the user is told the subscription says, not the method."""
    reading.wants("notify", "enotify", node.line)
    tags = {"from": Takes.STRING, "importance": Takes.STRING, "options": Takes.STRINGS, "message": Takes.STRING}
    bound = bind(node, tags, (Takes.STRING,))
    importance = bound.tagged("importance")
    if importance is not None and reading.template(importance, node.line).constant not in (None, "1", "2", "3"):
        raise SieveError(node.line, ':importance wants "1", "2" or "3"')
    reading.notifies = True
    said = f"line {node.line}: notify"
    message = bound.tagged("message")
    told = reading.template(message, node.line) if message is not None else None

    def notify(run: Run) -> None:
        text = shown(told.text(run), SAID_CHARACTERS) if told is not None else ""
        run.do(Deed.NOTIFIED, f'{said} "{text}"' if text else said)

    return notify


_ACTIONS: Final[Mapping[str, Callable[[Reading, CommandNode], Command]]] = MappingProxyType(
    {
        "addflag": _flag_action,
        "discard": _discard,
        "ereject": _reject,
        "fileinto": _fileinto,
        "keep": _keep,
        "notify": _notify,
        "redirect": _redirect,
        "reject": _reject,
        "removeflag": _flag_action,
        "set": _set_command,
        "setflag": _flag_action,
        "stop": _stop,
        "vacation": _vacation,
    }
)
