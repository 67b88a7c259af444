"""What the kernel knows of a process's connections."""

from __future__ import annotations

from pathlib import Path


def connections_to(port: int, pid: int) -> frozenset[str]:
    """The established ones of a process to a port of this machine, by the numbers of their sockets, which no other gets while
    they are open."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            remote = int(fields[2].rsplit(":", 1)[1], 16)
            if fields[3] == "01" and remote == port and fields[9] in inodes:
                found.add(fields[9])
    return frozenset(found)
