"""The arguments of commands that have no type here."""

from __future__ import annotations

import pytest

from idlebell.imap.arguments import Arguments, parse_arguments
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.events import BadCommandReceived
from idlebell.imap.framing import Frame
from idlebell.imap.limits import Limits


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ((b"a1 GETVAPID",), ()),
        ((b"a1 getvapid ",), ()),
        ((b'a1 X y "z z" NIL "NIL" nil',), (b"y", b"z z", None, b"NIL", None)),
        ((b"a1 X {3}", b"a b", b" (c (d) NIL) ()"), (b"a b", (b"c", (b"d",), None), ())),
        ((b"a1 X ({3+}", b"a)b", b" c )"), ((b"a)b", b"c"),)),
    ],
)
def test_words_strings_and_lists_are_told_in_their_places(line: tuple[bytes, ...], values: object) -> None:
    found = parse_arguments(Frame(line))
    assert isinstance(found, Arguments)
    assert (found.tag, found.values) == ("a1", values)
    assert found.name in ("X", "GETVAPID")
    assert "values" not in repr(found)


@pytest.mark.parametrize(
    ("line", "tag", "place"),
    [
        (b"GETVAPID", "*", "a line begins with a tag"),
        (b"a1 (", "a1", "argument 1"),
        (b'a1 X y "z', "a1", "argument 2: quoted string without end"),
        (b"a1 X y (z", "a1", "argument 2"),
        (b"a1 X y)z", "a1", "argument 2"),
        (b'a1 X "y"z', "a1", "argument 2: space expected"),
    ],
)
def test_what_is_no_argument_is_told_with_its_place(line: bytes, tag: str, place: str) -> None:
    found = parse_arguments(Frame((line,)))
    assert isinstance(found, BadCommandReceived)
    assert found.tag == tag
    assert place in found.reason


def test_depth_and_number_of_elements_are_bounded() -> None:
    for line in (b"a1 X " + b"(" * 5 + b")" * 5, b"a1 X (" + b"y " * 20 + b")"):
        with pytest.raises(RemoteProtocolError):
            parse_arguments(Frame((line,)), Limits(depth=4, items=10))
