"""What a process does to itself; in a process of its own, since it cannot be undone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from idlebell.net.hardening import overwrite

PROGRAM = """
import json, resource, ctypes
resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from idlebell.net.hardening import harden_process
done = harden_process()
print(json.dumps([done, resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                  ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="not run: prctl is Linux's")
def test_no_core_not_dumpable_and_all_descriptors_that_we_may_have():
    """C1."""
    output = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True).stdout
    done, core, descriptors, dumpable = json.loads(output)
    assert core == [0, 0]
    assert dumpable == 0
    assert descriptors > 256
    assert done[:2] == ["core dumps are off", "the process is not dumpable"]
    assert done[2].startswith(f"descriptors: {descriptors}, ")


def test_overwriting_leaves_nothing_of_the_bytes_and_spares_those_that_all_share():
    data = bytes(bytearray(b"a password"))
    overwrite(data)
    assert data == bytes(10)
    overwrite(b"x")
    overwrite(b"")
    assert bytes(bytearray(b"x")) == b"x"
