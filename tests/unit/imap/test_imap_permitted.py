"""The list of what may be sent. How the client half keeps to it is tested with the client."""

from __future__ import annotations

import pytest

from idlebell.imap.commands import NAMES
from idlebell.imap.permitted import PERMITTED, PERMITTED_NAMES, event_never_sets_seen, never_sets_seen


def test_nothing_that_changes_a_mailbox_is_permitted() -> None:
    assert {name for name, _ in PERMITTED_NAMES} == {
        "CAPABILITY",
        "NOOP",
        "LOGOUT",
        "STARTTLS",
        "LOGIN",
        "AUTHENTICATE",
        "ID",
        "ENABLE",
        "NAMESPACE",
        "LIST",
        "LSUB",
        "STATUS",
        "EXAMINE",
        "UNSELECT",
        "UID FETCH",
        "UID SEARCH",
        "IDLE",
        "NOTIFY",
    }
    assert all(reason.endswith(".") for _, reason in PERMITTED_NAMES)


def test_the_printed_list_is_the_one_that_is_kept() -> None:
    assert [name for name, _ in PERMITTED_NAMES] == [NAMES[kind] for kind in NAMES if kind in PERMITTED]


def test_an_item_is_judged_as_a_whole_and_in_any_case() -> None:
    assert never_sets_seen("body.peek[header]")
    assert not never_sets_seen("BODY.PEEK[HEADER] BODY[]")
    assert not never_sets_seen("body[header]")


@pytest.mark.parametrize(
    "event",
    [
        "MessageNew",
        "messageexpunge",
        "MessageNew (UID FLAGS)",
        "MessageNew (BODY.PEEK[HEADER.FIELDS (A B)] PREVIEW (LAZY))",
    ],
)
def test_an_event_may_bring_what_may_be_fetched(event: str) -> None:
    assert event_never_sets_seen(event)


@pytest.mark.parametrize(
    "event",
    [
        "",
        "MessageNew ()",
        "MessageNew (BODY[])",
        "MessageNew (UID BODY[HEADER])",
        "MessageNew (UID) FlagChange",
        "MessageNew)) (selected (MessageNew (BODY[])",
        "MessageNew (RFC822)",
    ],
)
def test_an_event_brings_nothing_that_may_not_be_fetched(event: str) -> None:
    assert not event_never_sets_seen(event)
