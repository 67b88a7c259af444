"""Commands are values: comparable, hashable, and silent about secrets."""

from typing import get_args

import pytest

import idlebell.imap
from idlebell.imap import commands as c
from idlebell.imap.sequence_set import SequenceSet

EXAMPLES: tuple[c.Command, ...] = (
    c.Capability(),
    c.Noop(),
    c.Logout(),
    c.StartTls(),
    c.Login("alice", "hunter2"),
    c.Authenticate("PLAIN", b"hunter2"),
    c.Id((("name", "idlebell"),)),
    c.Enable(("QRESYNC",)),
    c.Namespace(),
    c.List("", "*"),
    c.Lsub("", "*"),
    c.Status("INBOX", ("UIDNEXT",)),
    c.Examine("INBOX"),
    c.Select("INBOX"),
    c.Unselect(),
    c.UidFetch(SequenceSet.of([1]), ("FLAGS",)),
    c.UidSearch("ALL"),
    c.Idle(),
    c.Notify((c.EventGroup("personal", ("MessageNew", "MessageExpunge")),)),
    c.UnknownCommand("LOGINX", b"alice hunter2"),
)


def test_there_is_an_example_of_each() -> None:
    assert {type(example) for example in EXAMPLES} == set(get_args(c.Command)) == set(c.NAMES)


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: type(command).__name__)
def test_a_command_is_a_value_without_secrets_in_its_repr(command: c.Command) -> None:
    assert len({command, command}) == 1
    assert "hunter2" not in repr(command)
    assert not hasattr(command, "__dict__")


def test_names_are_those_of_the_wire() -> None:
    assert c.name_of(c.UidFetch) == "UID FETCH"
    assert len(set(c.NAMES.values())) == len(c.NAMES)


def test_the_package_lists_its_public_names() -> None:
    for name in idlebell.imap.__all__:
        assert hasattr(idlebell.imap, name)
