"""The running API against its own description: schemathesis asks it whatever the description allows, and much that it does not.

    python bench/schemathesis.py [--minutes 10] [--seed 1]

``idlebell serve`` on a database of its own, with a mail server of ours beside it; half of the time without a key, half with
one. Wrong is an answer of 5xx other than those that are described, an answer that the description does not know, a type or a
body that is another than described, and a call that works without the key that it is said to need. schemathesis (MIT) lies in
an environment of its own under ``.cache``, for its dependencies are none of ours; the first run fetches it.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

from rig.gateway import MeasuredGateway, simulated_server

ROOT: Final = Path(__file__).resolve().parent.parent
HOME: Final = ROOT / ".cache" / "schemathesis"
VERSION: Final = "4.32.5"
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ignored_auth",
)
"""Left out: whether a body that fits the schema is taken (most name hosts that are nowhere), and the reverse: what is no valid
time zone or filter, no schema says."""


def program() -> Path:
    """Of schemathesis, fetched where it is not there yet."""
    found = HOME / "bin" / "schemathesis"
    if not found.exists():
        print("fetching schemathesis …", file=sys.stderr)
        venv.create(HOME, with_pip=True, clear=True)
        pip = [str(HOME / "bin" / "pip"), "-q", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, f"schemathesis=={VERSION}"], check=True)
    return found


async def ask(schemathesis: Path, url: str, seconds: int, seed: int, key: str | None) -> int:
    """Its exit status: 0 where nothing was found."""
    whose = [] if key is None else ["--header", f"Authorization:Bearer {key}"]
    print(f"\n# {'without a key' if key is None else 'with an API key'}, {seconds} s\n", flush=True)
    process = await asyncio.create_subprocess_exec(
        str(schemathesis),
        *("run", f"{url}/openapi.json", "--url", url, "--no-color", "--seed", str(seed)),
        *("--checks", ",".join(CHECKS), "--max-time", str(seconds), "--max-examples", "1000000"),
        *("--phases", "examples,coverage,fuzzing", "--exclude-path-regex", "/events$"),
        *("--request-timeout", "40", "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off"),
        *whose,
        cwd=HOME,
        stdin=subprocess.DEVNULL,
    )
    return await process.wait()


async def measure(options: argparse.Namespace) -> int:
    schemathesis = program()
    async with simulated_server(workers=1) as server:
        with tempfile.TemporaryDirectory() as name:
            async with MeasuredGateway(Path(name), server.ca_file, level="warning") as gateway:
                make = [
                    sys.executable,
                    "-m",
                    "idlebell",
                    "keys",
                    "make",
                    "schemathesis",
                    "--config",
                    str(gateway.config),
                ]
                key = subprocess.run(make, check=True, capture_output=True, text=True).stdout.strip()
                seconds = int(options.minutes * 30)
                found = [await ask(schemathesis, gateway.url, seconds, options.seed, own) for own in (None, key)]
                told = [line for line in gateway.log.read_text().splitlines() if "Traceback" in line or "bug" in line]
    print("\n".join(told[:20]) or "\nThe gateway's log tells of nothing unexpected.")
    return max(*found, int(bool(told)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="in all")
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
