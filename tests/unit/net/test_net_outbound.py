"""Our own addresses, as the system chooses them."""

from __future__ import annotations

import socket

import pytest

from idlebell.net import outbound
from idlebell.net.outbound import system_addresses


def test_what_the_system_would_send_from_is_an_address_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_PUBLIC", ((socket.AF_INET, "127.0.0.9"),))
    assert [str(one) for one in system_addresses()] == ["127.0.0.1"]


def test_a_family_without_a_way_out_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "_PUBLIC", ((socket.AF_INET6, "not an address"),))
    assert system_addresses() == ()
