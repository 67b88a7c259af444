from __future__ import annotations

import os
from pathlib import Path

import pytest

from idlebell.store.durable import sync_folder


def test_a_folder_is_synced_and_its_descriptor_closed(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    sync_folder(tmp_path)
    (tmp_path / "file").touch()
    for no_folder in (tmp_path / "file", tmp_path / "missing"):
        with pytest.raises(OSError):
            sync_folder(no_folder)
    assert len(os.listdir("/proc/self/fd")) == len(before)
