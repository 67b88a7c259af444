from __future__ import annotations

import json
import subprocess
import sys

import pytest

from idlebell.net.descriptors import OWN, RESERVE_LEAST, RESERVE_MOST, WANTED, Descriptors, descriptors


@pytest.mark.parametrize("limit", [1, 50, RESERVE_LEAST, 256, 1_024, 4_096, 65_536, WANTED])
def test_what_is_shared_out_is_never_more_than_there_is(limit: int) -> None:
    found = Descriptors(limit)
    assert found.sessions + found.reserve == limit
    assert found.sessions >= 0
    assert found.clients >= 1
    assert found.pushes >= 1
    if limit >= RESERVE_LEAST:
        # A quarter more clients than may be are accepted, to hear that there are too many.
        assert OWN + found.clients * 1.25 + found.pushes <= found.reserve


def test_nearly_all_of_a_large_limit_is_for_sessions() -> None:
    assert Descriptors(WANTED).reserve == RESERVE_MOST
    assert Descriptors(WANTED).clients == 2_000
    assert Descriptors(1_024).sessions == 768


def test_the_limit_is_read_where_it_stands() -> None:
    program = """
import json, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 200))
from idlebell.net.descriptors import descriptors, raise_limit
print(json.dumps([descriptors().limit, raise_limit(), descriptors().limit]))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert json.loads(told) == [128, "descriptors: 200, so up to 128 IMAP sessions can be held", 200]
    assert descriptors().limit > 0
