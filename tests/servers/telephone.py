"""Twinkle, a SIP telephone, without its window: it listens on 127.0.0.1 and logs what it is told."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from servers import packages, sandbox

_SYSTEM = """\
# SYSTEM
dev_ringtone=oss:/dev/null
dev_speaker=oss:/dev/null
dev_mic=oss:/dev/null
log_max_size=5
log_show_sip=yes
sip_udp_port={port}
sip_tcp_port={port}
"""
_USER = """\
# USER
user_name=1001
user_domain=127.0.0.1
register_at_startup=no
mwi_sollicited=no
"""
_SECONDS = 20.0


def why_not_twinkle() -> str | None:
    if packages.find("twinkle") is None:
        return "Twinkle has not been fetched: python tests/servers/packages.py twinkle"
    return sandbox.why_not()


class Telephone:
    """``async with`` starts it and surely ends it. It takes summaries that it did not ask for, as its profile says."""

    def __init__(self, folder: Path) -> None:
        self.port = sandbox.free_port()
        self._home = folder
        self._log = folder / ".twinkle" / "twinkle.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"sip:1001@127.0.0.1:{self.port}"

    def summaries(self) -> list[str]:
        """Of the NOTIFY requests that it has had, each ``yes`` or ``no`` and its voice messages; those that it took."""
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        taken = re.findall(r"SIP/2.0 200 OK.*?Call-ID: (\S+)\s+CSeq: \d+ NOTIFY", text, re.DOTALL)
        told = re.findall(
            r"NOTIFY sip:.*?Call-ID: (\S+).*?Messages-Waiting: (\w+).*?Voice-Message: (\S+)", text, re.DOTALL
        )
        return [f"{waiting} {count}" for call, waiting, count in told if call in taken]

    async def until(self, *summaries: str) -> None:
        """It has been told just these."""
        try:
            async with asyncio.timeout(_SECONDS):
                while self.summaries() != list(summaries):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"the telephone was told {self.summaries()}, not {list(summaries)}") from None

    async def __aenter__(self) -> Self:
        root = packages.find("twinkle")
        assert root is not None
        self._log.parent.mkdir(parents=True)
        (self._log.parent / "twinkle.sys").write_text(_SYSTEM.format(port=self.port))
        (self._log.parent / "desk.cfg").write_text(_USER)
        script = f"mount -t overlay overlay -o lowerdir={root}/usr:/usr /usr && HOME={self._home} exec twinkle-console desk.cfg"
        with (self._home / "output.log").open("wb") as output:
            self._process = subprocess.Popen(
                [*sandbox.namespaces(), "sh", "-c", script], stdin=subprocess.PIPE, stdout=output, stderr=output
            )
        async with asyncio.timeout(_SECONDS):
            while f":{self.port:04X} " not in Path("/proc/net/udp").read_text():
                await asyncio.sleep(0.02)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()  # and with it, by the namespace, the telephone
        self._process.wait()
