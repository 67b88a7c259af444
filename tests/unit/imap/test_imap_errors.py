"""Whose fault an error is, and what it may show."""

from __future__ import annotations

from idlebell.imap.errors import LocalProtocolError, ProtocolError, RemoteProtocolError


def test_an_error_of_the_peer_has_a_reason_and_at_most_eighty_of_its_bytes() -> None:
    error = RemoteProtocolError("line-too-long", "a line over the bound", b"x" * 1000)
    assert (error.reason, error.detail, error.where) == ("line-too-long", "a line over the bound", b"x" * 80)
    assert str(error) == "a line over the bound"


def test_both_faults_are_protocol_errors_and_neither_is_the_other() -> None:
    assert issubclass(LocalProtocolError, ProtocolError)
    assert issubclass(RemoteProtocolError, ProtocolError)
    assert not issubclass(LocalProtocolError, RemoteProtocolError)
