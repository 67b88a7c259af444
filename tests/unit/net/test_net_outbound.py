"""Our own addresses, as the system chooses them."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from idlebell.net import outbound
from idlebell.net.outbound import foreign_addresses, system_addresses


def test_what_the_system_would_send_from_is_an_address_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_PUBLIC", ((socket.AF_INET, "127.0.0.9"),))
    assert [str(one) for one in system_addresses()] == ["127.0.0.1"]


def test_a_family_without_a_way_out_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_PUBLIC", ((socket.AF_INET6, "not an address"),))
    assert system_addresses() == ()


def test_addresses_that_the_machine_does_not_have_are_told_from_its_own() -> None:
    given = [ip_address(one) for one in ("127.0.0.2", "192.0.2.7", "::1", "2001:db8::7")]
    assert [str(one) for one in foreign_addresses(given)] == ["192.0.2.7", "2001:db8::7"]
