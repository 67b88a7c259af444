"""Looks for inputs that break what must hold: ``./run fuzz`` rotates over the targets, one process at a time.

What was learnt stays in ``.cache/fuzz/TARGET``, an input that breaks something in ``.cache/fuzz/found``. The run ends with
the number of executions of each target.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
sys.path[:0] = [str(HERE.parent), str(ROOT / "src")]

SLICE_SECONDS: Final = 240
"""Of one target, before the next one has its turn."""
MAX_BYTES: Final = 2_048
"""Of one input. Bounds of 64 KiB are crossed by tests; here SMALL stands for them."""
ONE_SECONDS: Final = 5
"""For one input: more is a hang. What is honest takes a hundredth of it on a busy machine."""
MEMORY_MB: Final = 1_024
"""Of the process, with the fuzzer's own."""

CHILD: Final = "--child"

_EXECUTED: Final = re.compile(rb"number_of_executed_units: ([0-9]+)")
_COVERED: Final = re.compile(rb"cov: ([0-9]+) ft: ([0-9]+) corp: ([0-9]+)")


def fuzz(target: str, folder: Path, seconds: int) -> None:
    """This process fuzzes and ends."""
    import atheris

    with atheris.instrument_imports(include=["idlebell.imap", "idlebell.net.tls_parked"]):
        from fuzz.targets import hold
    from fuzz.inputs import CORPUS, DICTIONARY, of_transcripts

    learnt, found, seeds = folder / target, folder / "found", folder / "seeds" / target
    for each in (learnt, found, seeds):
        each.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(of_transcripts(target)):
        (seeds / str(number)).write_bytes(data)
    arguments = [
        sys.argv[0], f"-max_total_time={seconds}", "-print_final_stats=1", f"-max_len={MAX_BYTES}",
        f"-timeout={ONE_SECONDS}", f"-rss_limit_mb={MEMORY_MB}", f"-dict={DICTIONARY}",
        f"-artifact_prefix={found}/{target}-", str(learnt), str(seeds),
    ]  # fmt: skip
    if (CORPUS / target).exists():
        arguments.append(str(CORPUS / target))
    atheris.Setup(arguments, lambda data: hold(target, data))
    atheris.Fuzz()


def rotate(targets: list[str], folder: Path, minutes: float) -> int:
    """Slices over the targets until the time is over; 1 if anything was found."""
    folder.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + minutes * 60
    executed, failed = dict.fromkeys(targets, 0), 0
    slice_seconds = min(SLICE_SECONDS, max(1, round(minutes * 60 / len(targets))))
    while ends - time.monotonic() > 1:
        for target in targets:
            seconds = min(slice_seconds, round(ends - time.monotonic()))
            if seconds < 1:
                break
            ran = subprocess.run(
                [sys.executable, __file__, CHILD, target, str(folder), str(seconds)],
                capture_output=True, check=False,
            )  # fmt: skip
            said = ran.stdout + ran.stderr
            count = _EXECUTED.search(said)
            executed[target] += int(count[1]) if count else 0
            covered = (_COVERED.findall(said) or [(b"?", b"?", b"?")])[-1]
            print(
                f"{target:<10} {executed[target]:>12,} executions, {covered[0].decode()} edges,"
                f" {covered[2].decode()} inputs learnt",
                flush=True,
            )
            if ran.returncode:
                failed += 1
                sys.stdout.write(said.decode("utf-8", "replace")[-6_000:])
                sys.stdout.flush()
        if failed > len(targets):
            break  # the same again and again
    print("\nexecutions: " + ", ".join(f"{target} {count:,}" for target, count in executed.items()))
    if failed:
        print(f"{failed} runs ended with a finding; its input is in {folder / 'found'}")
    return 1 if failed else 0


def main() -> int:
    if len(sys.argv) == 5 and sys.argv[1] == CHILD:
        fuzz(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))  # does not return
    from fuzz.targets import TARGETS  # not before: the child instruments what it imports

    parser = argparse.ArgumentParser(prog="./run fuzz", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("target", nargs="?", choices=list(TARGETS), help="left out: all, in turn")
    parser.add_argument("--minutes", type=float, default=10.0, help="for the whole run (10)")
    parser.add_argument(
        "--keep", action="store_true", help="choose anew what of the learnt goes into tests/fuzz/corpus"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "fuzz", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.keep:
        from fuzz.keeping import keep_all

        keep_all(given.folder)
        return 0
    return rotate([given.target] if given.target else list(TARGETS), given.folder, given.minutes)


if __name__ == "__main__":
    sys.exit(main())
