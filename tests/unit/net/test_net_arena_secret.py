from __future__ import annotations

import pytest

from idlebell.net.arena_secret import ArenaSecret
from idlebell.net.secret_arena import SLOT_BYTES, SecretArena


@pytest.mark.parametrize("length", [0, 1, SLOT_BYTES - 1, SLOT_BYTES, SLOT_BYTES + 1, 6_000])
def test_a_secret_of_any_length_is_kept_and_wiped(length: int) -> None:
    arena = SecretArena()
    value = bytes(number % 251 + 1 for number in range(length))
    secret = ArenaSecret(arena, value)
    assert secret.reveal() == value
    assert arena.used == -(-length // SLOT_BYTES)
    views = [arena.view(slot) for slot in range(arena.used)]
    secret.free()
    secret.free()
    assert arena.used == 0
    assert secret.reveal() == b""
    assert not any(any(view) for view in views)


def test_it_shows_nothing() -> None:
    assert "secret" not in repr(ArenaSecret(SecretArena(), b"secret"))
