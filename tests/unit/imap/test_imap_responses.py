"""What responses answer about themselves."""

from __future__ import annotations

from idlebell.imap.responses import FetchData, ListData


def test_an_attribute_of_a_mailbox_is_found_in_any_case() -> None:
    """RFC 9051 section 7.3.1: servers write ``\\Noselect`` and ``\\NoSelect``."""
    mailbox = ListData(frozenset({"\\NoSelect", "\\HasChildren"}), "/", "Work")

    assert mailbox.has("\\Noselect")
    assert not mailbox.has("\\HasNoChildren")


def test_a_flag_of_a_message_is_found_in_any_case() -> None:
    """RFC 9051 section 2.3.2: flags are compared without regard to case."""
    message = FetchData(1, flags=("\\SEEN", "$Junk"))

    assert message.has_flag("\\Seen")
    assert not message.has_flag("\\Deleted")


def test_a_message_without_flags_in_its_response_has_none() -> None:
    assert not FetchData(1).has_flag("\\Seen")
