"""The commands of the manual's page on servers of one's own, run as they stand there, and what comes of them."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from false_servers import attacking, under_tls
from victim import Victim

from idlebell.model.account import Tls
from idlebell.model.trust import read_pins

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "private-servers.md").read_text()
BLOCKS = [block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) if block.startswith("openssl")]
HOST = "mail.home.example"


async def run(folder: Path, script: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-ec", script, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error
    return out.decode().strip()


def served(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "mail.pem", folder / "mail.key")
    return context


@pytest.fixture
async def blocks(tmp_path: Path) -> Sequence[str]:
    await run(tmp_path, BLOCKS[0])
    return BLOCKS[1:]


async def test_the_commands_of_the_manual_lead_to_a_server_that_is_trusted(
    tmp_path: Path, blocks: Sequence[str]
) -> None:
    on_server, from_outside, next_key = blocks
    pin = await run(tmp_path, on_server)
    following = await run(tmp_path, next_key)
    authority = Victim(tmp_path / "ca.pem")
    nobody = Victim(None)
    async with attacking(under_tls(served(tmp_path))) as (port, _):
        assert await authority.log_in(port, Tls.IMPLICIT, HOST) is None
        assert await run(tmp_path, from_outside.replace(f"{HOST}:993", f"127.0.0.1:{port}")) == pin
        assert await nobody.log_in(port, Tls.IMPLICIT, HOST, read_pins([following, pin])) is None
        refused = await nobody.log_in(port, Tls.IMPLICIT, HOST)
        assert refused is not None
        assert pin in refused.detail, "what can be compared and pinned"
        changed = await nobody.log_in(port, Tls.IMPLICIT, HOST, read_pins(following))
        assert changed is not None
        assert changed.code == "certificate-changed"
    for one in (authority, nobody):
        await one.close()
