"""Where secrets are kept: slots that do not mix, zeros after use, and pages that stay out of dumps, swap and forks."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.net.secret_arena import CHUNK_BYTES, SLOT_BYTES, SecretArena

MARK = bytes(range(1, SLOT_BYTES + 1))


def flags_of(arena: SecretArena) -> set[str]:
    """The kernel's flags of the first page (proc(5), VmFlags of /proc/PID/smaps)."""
    import ctypes

    address = ctypes.addressof(ctypes.c_char.from_buffer(arena.view(0)))
    inside = False
    for line in open("/proc/self/smaps"):  # noqa: SIM115
        head = line.split()[0]
        if "-" in head:
            start, end = (int(part, 16) for part in head.split("-"))
            inside = start <= address < end
        elif inside and head == "VmFlags:":
            return set(line.split()[1:])
    raise AssertionError("not mapped")


@given(st.lists(st.booleans(), max_size=60))
def test_slots_do_not_mix_and_are_zero_when_they_are_taken(steps):
    arena = SecretArena()
    taken: list[int] = []
    for take in steps:
        if take or not taken:
            slot = arena.take()
            assert bytes(arena.view(slot)) == bytes(SLOT_BYTES)
            arena.view(slot)[:] = bytes((slot % 251 + 1,)) * SLOT_BYTES
            taken.append(slot)
        else:
            arena.free(taken.pop(len(taken) // 2))
        assert arena.used == len(taken) == len(set(taken))
        for slot in taken:
            assert bytes(arena.view(slot)) == bytes((slot % 251 + 1,)) * SLOT_BYTES


def test_it_grows_by_chunks_and_uses_what_was_given_back_first():
    arena = SecretArena()
    slots = [arena.take() for _ in range(2 * CHUNK_BYTES // SLOT_BYTES)]
    assert len(set(slots)) == len(slots)
    arena.view(slots[-1])[:] = MARK
    arena.free(slots[-1])
    assert bytes(arena.view(slots[-1])) == bytes(SLOT_BYTES)
    assert arena.take() == slots[-1]


def test_its_pages_stay_out_of_core_dumps_swap_and_children():
    arena = SecretArena()
    arena.view(arena.take())[:] = MARK
    flags = flags_of(arena)
    assert {"dd", "wf"} <= flags
    if arena.locked:
        assert "lo" in flags
    if (child := os.fork()) == 0:
        os._exit(0 if bytes(arena.view(0)) == bytes(SLOT_BYTES) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert bytes(arena.view(0)) == MARK


UNLOCKED = """
import os, resource
from idlebell.net.secret_arena import CHUNK_BYTES, SLOT_BYTES, SecretArena
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)  # root may lock as it likes
resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
said = []
arena = SecretArena(said.append)
slots = [arena.take() for _ in range(3 * CHUNK_BYTES // SLOT_BYTES)]
arena.view(slots[-1])[:] = b"x" * SLOT_BYTES
print(arena.locked, len(said), said[0])
"""


def test_where_memory_cannot_be_locked_it_is_said_once_and_all_goes_on():
    ran = subprocess.run([sys.executable, "-c", UNLOCKED], capture_output=True, text=True, check=False)
    assert ran.stdout.startswith("False 1 TLS traffic secrets may be swapped out: mlock failed"), ran.stderr
    assert "LimitMEMLOCK=" in ran.stdout


def test_the_soft_limit_is_raised_to_the_hard_one(monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (0, 1 << 20))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: asked.append(limits))
    SecretArena().take()
    assert asked == [(1 << 20, 1 << 20)]


def test_no_secret_is_in_its_repr():
    arena = SecretArena()
    arena.view(arena.take())[:] = MARK
    assert repr(arena) == "<SecretArena, 1 slots taken>"
