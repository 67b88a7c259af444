"""Other programs that hold sessions, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

PEERS: Final = Path(__file__).resolve().parent.parent / "peers"
IMAPFLOW: Final = "imapflow@2.10.2"
NPM_FOLDER: Final = PEERS.parent.parent / ".cache" / "bench" / "npm"
NPM_SECONDS: Final = 120
HOLDERS: Final = {
    "asyncio streams": "hold_streams.py",
    "aioimaplib": "hold_aioimaplib.py",
    "imapflow": "hold_imapflow.mjs",
}
IDLE_CLIENT: Final = "hold_idle.py"
"""No peer of ours: it tells when it heard what."""


def why_not(peer: str) -> str | None:
    """Why there is no such peer here. imapflow is fetched."""
    if peer != "imapflow":
        return None
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            return f"{program} is missing"
    if not (NPM_FOLDER / "node_modules" / "imapflow").exists():
        NPM_FOLDER.mkdir(parents=True, exist_ok=True)
        fetched = subprocess.run(
            ["npm", "install", "--silent", "--no-fund", "--no-audit", "--no-save", IMAPFLOW],
            cwd=NPM_FOLDER, capture_output=True, text=True, timeout=NPM_SECONDS, check=False,
        )  # fmt: skip
        if fetched.returncode != 0:
            return f"npm could not fetch {IMAPFLOW}: {(fetched.stderr.strip().splitlines() or ['no message'])[-1]}"
    return None


class Holder:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def told(self) -> dict[str, Any]:
        """A line of what the holder says: that it holds all, or, asked by :meth:`ask`, what it heard."""
        assert self._process.stdout is not None
        said: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return said

    async def ask(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self.told()

    @property
    def pid(self) -> int:
        return self._process.pid

    def hold(self, port: int, ca_file: Path | None, sessions: int, *, first: int = 0) -> None:
        assert self._process.stdin is not None
        wish = {"port": port, "ca_file": str(ca_file or ""), "sessions": sessions, "first": first}
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")


@asynccontextmanager
async def holding(peer: str) -> AsyncIterator[Holder]:
    """It is loaded, and holds nothing yet."""
    script = PEERS / HOLDERS.get(peer, peer)
    command = [sys.executable, str(script)]
    if peer == "imapflow":
        beside = NPM_FOLDER / script.name  # node looks for packages beside the program
        beside.write_text(script.read_text())
        command = ["node", str(beside)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 26
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        yield Holder(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
