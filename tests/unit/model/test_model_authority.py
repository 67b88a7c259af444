"""Literals of IPv6 stand in brackets, and nothing else does."""

from __future__ import annotations

import pytest

from idlebell.model.authority import bracketed, host_port


@pytest.mark.parametrize(
    ("host", "spelled"),
    [("mail.example", "mail.example"), ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "[2001:db8::1]")],
)
def test_a_host_is_spelled_as_urls_have_it(host: str, spelled: str) -> None:
    assert bracketed(host) == spelled
    assert host_port(host, 993) == f"{spelled}:993"
