"""The browsers as programs: where they are, what they need around them, how they start and surely end."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from servers import packages

START_SECONDS = 90.0
"""Until it says where it listens: a second or two, and much more where every core is taken."""
STOP_SECONDS = 20.0
_SAID_LINES = 50

_FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir>
  <cachedir>{folder}</cachedir>
  <alias><family>sans-serif</family><prefer><family>Inter</family><family>DejaVu Sans</family></prefer></alias>
  <alias><family>system-ui</family><prefer><family>Inter</family><family>DejaVu Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


def why_not_firefox() -> str | None:
    return _why_not("firefox", "Firefox")


def why_not_chromium() -> str | None:
    return _why_not("chromium", "Chromium")


@cache
def _why_not(browser: str, title: str) -> str | None:
    for name, words in ((browser, f"{title} is neither unpacked nor installed"), ("fonts", "its fonts are missing")):
        if packages.find(name) is None and not packages.installed(name):
            return f"{words} (./run test fetches them)"
    return None


class Program:
    """One run of a browser. ``folder`` is its home, with nothing in it that it did not put there itself."""

    def __init__(self, process: Process, reading: asyncio.Task[None], address: str) -> None:
        self._process = process
        self._reading = reading
        self.address = address
        """``ws://127.0.0.1:PORT…``, as the browser says it."""

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading


async def start(browser: str, folder: Path, arguments: Iterable[str], listens: re.Pattern[str]) -> Program:
    """``listens`` finds the address in what the browser says on standard error."""
    folder.mkdir(parents=True, exist_ok=True)
    root = None if packages.installed(browser) else packages.find(browser)
    program = Path(root or "/", "usr", packages.PROGRAMS[browser])
    process = await asyncio.create_subprocess_exec(
        # It ends when the tests are killed, too.
        *(["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []),
        str(program),
        *arguments,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        env=_environment(folder, root),
    )
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    said: list[str] = []
    reading = asyncio.create_task(_read(process, listens, found, said))
    try:
        async with asyncio.timeout(START_SECONDS):
            return Program(process, reading, await found)
    except (TimeoutError, EOFError):
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise AssertionError(f"{browser} did not start; it said: {' | '.join(said) or 'nothing'}") from None


async def _read(process: Process, listens: re.Pattern[str], found: asyncio.Future[str], said: list[str]) -> None:
    """To the end: a pipe that nobody reads would stop the browser."""
    assert process.stderr is not None
    async for line in process.stderr:
        text = line.decode(errors="replace").strip()
        if len(said) < _SAID_LINES:
            said.append(text)
        if not found.done() and (match := listens.search(text)) is not None:
            found.set_result(match[1])
    if not found.done():
        found.set_exception(EOFError())


def _environment(folder: Path, root: Path | None) -> dict[str, str]:
    fonts = packages.find("fonts")
    configuration = folder / "fonts.conf"
    configuration.write_text(_FONTS.format(fonts=f"{fonts}/usr/share/fonts", folder=folder / "fonts"))
    environment = {
        **{name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ},
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        # The same letters on every machine, whatever it has installed: pictures of pages are to be the same.
        "FONTCONFIG_FILE": str(configuration),
        "MOZ_HEADLESS": "1",
        "TZ": "UTC",
    }
    if root is not None:
        libraries = root / "usr" / "lib"
        folders = [
            libraries,
            *(path for path in libraries.glob("*-linux-gnu*")),
            *libraries.glob("*-linux-gnu*/pulseaudio"),
        ]
        environment["LD_LIBRARY_PATH"] = ":".join(str(path) for path in folders)
        environment["XDG_DATA_DIRS"] = f"{root}/usr/share:/usr/share"
    return environment
