"""axe-core, which finds what keeps people out of a page: from a wheel that brings its one file, of which nothing else is used.

Run as a program (``python -m browser.axe`` in ``tests``) it fetches it, by the hash below.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from servers.wheels import download

if TYPE_CHECKING:
    from browser.page import Page

WHEEL = "axe-playwright-python==0.1.8"
SHA256 = "fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8"
_MEMBER = "axe_playwright_python/axe.min.js"
_FILE = Path(__file__).resolve().parents[2] / ".cache" / "browser" / f"axe-{SHA256[:16]}.min.js"


def why_not_axe() -> str | None:
    return None if _FILE.exists() else "axe-core is missing (./run test fetches it)"


async def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is now: every rule that it has, whatever its weight. A line each, with the place."""
    await page.run(f"{_FILE.read_text()}; 'here'")
    found: dict[str, Any] = await page.evaluate("axe.run({reporter: 'no-passes'})")
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {' '.join(node['target'])} {node['html'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def fetch() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Without what it depends on: that drives browsers, and ours are driven already.
        wheel = download(WHEEL, SHA256, Path(folder))
        _FILE.parent.mkdir(parents=True, exist_ok=True)
        fresh = _FILE.with_suffix(".new")
        with zipfile.ZipFile(wheel) as archive:
            fresh.write_bytes(archive.read(_MEMBER))
        fresh.rename(_FILE)


def main() -> int:
    if why_not_axe() is None:
        return 0
    print("run: fetching axe-core", file=sys.stderr)
    try:
        fetch()
    except (OSError, subprocess.SubprocessError, StopIteration) as error:
        print(f"run: axe-core: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
