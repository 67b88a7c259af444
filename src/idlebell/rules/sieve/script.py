"""A Sieve script (RFC 5228) as a rule: it is run as at the delivery of the message, and what it does says whether that rings.

A script with a ``notify`` rings where one is reached. A script without any is one that sorts mail: then the message rings that
it leaves where it is and does not mark as read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from idlebell.rules.evidence import Evidence
from idlebell.rules.rule import Judgement, Needs
from idlebell.rules.sieve.actions import Command, marks_read, read_action
from idlebell.rules.sieve.binding import Takes, bind
from idlebell.rules.sieve.errors import RunError, SieveError
from idlebell.rules.sieve.extensions import why_not
from idlebell.rules.sieve.limits import BECAUSE, FLAGS, STEP
from idlebell.rules.sieve.reading import Reading
from idlebell.rules.sieve.run import Deed, Run
from idlebell.rules.sieve.syntax import CommandNode, parse
from idlebell.rules.sieve.tests import Test, read_test


@dataclass(frozen=True, slots=True)
class Script:
    """See :class:`~idlebell.rules.rule.Rule`. ``notifies``: there is a ``notify`` in it, reached or not."""

    commands: tuple[Command, ...]
    needs: Needs
    notifies: bool

    def decide(self, evidence: Evidence) -> Judgement:
        flags = [flag for flag in (evidence.message.flags or ())[:FLAGS] if flag.lower() != "\\recent"]
        run = Run(evidence, flags)
        try:
            _run(self.commands, run)
        except RunError as error:
            return Judgement(True, (str(error),))
        if run.implicit_keep:
            if marks_read(run):
                run.do(Deed.KEPT_READ, "the script marks it as read or deleted")
            else:
                run.do(Deed.KEPT, "the script leaves it where it is")
        wanted = Deed.NOTIFIED if self.notifies else Deed.KEPT
        if wanted in run.deeds:
            return Judgement(True, (run.deeds[wanted],))
        if self.notifies:
            return Judgement(False, ("the script reaches no notify",))
        return Judgement(False, tuple(run.deeds.values())[:BECAUSE])


def read_sieve(script: str) -> Script:
    """SieveError."""
    if not script.isprintable() and "\x00" in script:
        raise SieveError(1 + script[: script.index("\x00")].count("\n"), "a script has no NUL in it")
    nodes = parse(script)
    reading = Reading()
    body = 0
    while body < len(nodes) and nodes[body].name == "require":
        _require(reading, nodes[body])
        body += 1
    commands = _read_block(reading, nodes[body:])
    needs = replace(reading.needs, headers=frozenset(reading.header_names))
    return Script(commands, needs, reading.notifies)


def _require(reading: Reading, node: CommandNode) -> None:
    if node.tests or node.block is not None:
        raise SieveError(node.line, "require takes strings and ends with a semicolon")
    for name in bind(node, {}, (Takes.STRINGS,)).strings(0):
        reason = why_not(name)
        if reason is not None:
            raise SieveError(node.line, reason)
        reading.extensions.add(name)


# --- control (RFC 5228 section 3) ---


def _read_block(reading: Reading, nodes: Sequence[CommandNode]) -> tuple[Command, ...]:
    commands: list[Command] = []
    place = 0
    while place < len(nodes):
        node = nodes[place]
        place += 1
        match node.name:
            case "if":
                arms = [_read_arm(reading, node)]
                while place < len(nodes) and nodes[place].name == "elsif":
                    arms.append(_read_arm(reading, nodes[place]))
                    place += 1
                otherwise: tuple[Command, ...] = ()
                if place < len(nodes) and nodes[place].name == "else":
                    otherwise = _read_else(reading, nodes[place])
                    place += 1
                commands.append(_choice(tuple(arms), otherwise))
            case "elsif" | "else":
                raise SieveError(node.line, f"{node.name} stands behind an if or elsif, and there is none before it")
            case "require":
                raise SieveError(node.line, "require stands at the beginning of the script, before all else")
            case _:
                commands.append(read_action(reading, node))
    return tuple(commands)


def _read_arm(reading: Reading, node: CommandNode) -> tuple[Test, tuple[Command, ...]]:
    bind(node, {}, ())
    if len(node.tests) != 1:
        raise SieveError(node.line, f"{node.name} takes one test; put several into allof (…) or anyof (…)")
    if node.block is None:
        raise SieveError(node.line, f"{node.name} wants a block in braces behind its test")
    return read_test(reading, node.tests[0]), _read_block(reading, node.block)


def _read_else(reading: Reading, node: CommandNode) -> tuple[Command, ...]:
    bind(node, {}, ())
    if node.tests or node.block is None:
        raise SieveError(node.line, "else takes no test, and wants a block in braces")
    return _read_block(reading, node.block)


def _choice(arms: tuple[tuple[Test, tuple[Command, ...]], ...], otherwise: tuple[Command, ...]) -> Command:
    def choose(run: Run) -> None:
        for test, block in arms:
            run.spend(STEP)
            if test(run):
                _run(block, run)
                return
        _run(otherwise, run)

    return choose


def _run(commands: tuple[Command, ...], run: Run) -> None:
    for command in commands:
        if run.stopped:
            return
        run.spend(STEP)
        command(run)
