"""A script as RFC 5228 section 8.2 has it: commands with arguments, tests and blocks, before anybody asks what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from idlebell.rules.sieve.errors import SieveError
from idlebell.rules.sieve.limits import COMMANDS, NESTING
from idlebell.rules.sieve.tokens import Kind, Token, tokens


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Number:
    value: int
    line: int


@dataclass(frozen=True, slots=True)
class Strings:
    """One string, or a list of them in brackets."""

    values: tuple[str, ...]
    is_list: bool
    line: int


Argument: TypeAlias = Tag | Number | Strings


@dataclass(frozen=True, slots=True)
class TestNode:
    __test__ = False
    name: str
    line: int
    arguments: tuple[Argument, ...]
    tests: tuple[TestNode, ...]


@dataclass(frozen=True, slots=True)
class CommandNode:
    """``block`` is None where it ended with a semicolon."""

    name: str
    line: int
    arguments: tuple[Argument, ...]
    tests: tuple[TestNode, ...]
    block: tuple[CommandNode, ...] | None


_SEMICOLON: Final = "did you forget a semicolon?"


def parse(script: str) -> tuple[CommandNode, ...]:
    """SieveError."""
    return _Parser(tokens(script)).script()


class _Parser:
    __slots__ = ("_count", "_ended", "_stream", "_token")

    def __init__(self, stream: Iterator[Token]) -> None:
        self._stream = stream
        self._token = next(stream)
        self._ended = self._token.line
        self._count = 0

    def script(self) -> tuple[CommandNode, ...]:
        commands = self._commands(1)
        if self._token.kind is not Kind.END:
            raise SieveError(self._token.line, "this } closes no block")
        return commands

    def _commands(self, depth: int) -> tuple[CommandNode, ...]:
        found = []
        while self._token.kind is Kind.NAME:
            found.append(self._command(depth))
        if self._token.kind is Kind.END or self._is("}"):
            return tuple(found)
        raise SieveError(self._token.line, f"a command was expected, and here is {self._token}")

    def _command(self, depth: int) -> CommandNode:
        name = self._begin(depth)
        arguments, tests = self._arguments(depth)
        if self._is(";"):
            self._next()
            return CommandNode(name.text, name.line, arguments, tests, None)
        if not self._is("{"):
            line = self._ended
            raise SieveError(
                line, f"{name.text} ends with a semicolon or a block, and here is {self._token}; {_SEMICOLON}"
            )
        opened = self._next().line
        block = self._commands(depth + 1)
        if not self._is("}"):
            raise SieveError(opened, "the block that begins here is not closed; end it with }")
        self._next()
        return CommandNode(name.text, name.line, arguments, tests, block)

    def _arguments(self, depth: int) -> tuple[tuple[Argument, ...], tuple[TestNode, ...]]:
        arguments: list[Argument] = []
        while (argument := self._argument()) is not None:
            arguments.append(argument)
        if self._token.kind is Kind.NAME:
            return tuple(arguments), (self._test(depth),)
        if not self._is("("):
            return tuple(arguments), ()
        opened = self._next().line
        tests = [self._test(depth)]
        while self._is(","):
            self._next()
            tests.append(self._test(depth))
        if not self._is(")"):
            raise SieveError(
                opened, f"the list of tests that begins here is not closed by ), but broken by {self._token}"
            )
        self._next()
        return tuple(arguments), tuple(tests)

    def _argument(self) -> Argument | None:
        line = self._token.line
        match self._token.kind:
            case Kind.TAG:
                return Tag(self._next().text, line)
            case Kind.NUMBER:
                return Number(self._next().number, line)
            case Kind.STRING:
                return Strings((self._next().text,), False, line)
        if not self._is("["):
            return None
        self._next()
        values = [self._string()]
        while self._is(","):
            self._next()
            values.append(self._string())
        if not self._is("]"):
            raise SieveError(line, f"the list that begins here is not closed by ], but broken by {self._token}")
        self._next()
        return Strings(tuple(values), True, line)

    def _string(self) -> str:
        if self._token.kind is not Kind.STRING:
            raise SieveError(self._token.line, f"a list has strings in quotes, and here is {self._token}")
        return self._next().text

    def _test(self, depth: int) -> TestNode:
        if self._token.kind is not Kind.NAME:
            raise SieveError(self._token.line, f"a test was expected, and here is {self._token}")
        name = self._begin(depth)
        arguments, tests = self._arguments(depth + 1)
        return TestNode(name.text, name.line, arguments, tests)

    def _begin(self, depth: int) -> Token:
        name = self._next()
        if depth > NESTING:
            raise SieveError(name.line, f"{name.text} lies deeper than {NESTING} blocks and tests")
        self._count += 1
        if self._count > COMMANDS:
            raise SieveError(name.line, f"the script has more than {COMMANDS} commands and tests")
        return name

    def _is(self, mark: str) -> bool:
        return self._token.kind is Kind.MARK and self._token.text == mark

    def _next(self) -> Token:
        taken = self._token
        self._ended = taken.line
        if taken.kind is not Kind.END:
            self._token = next(self._stream)
        return taken
