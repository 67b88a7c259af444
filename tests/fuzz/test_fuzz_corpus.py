"""What the fuzzer holds of every input, held of the transcripts, of the corpus and of their mutations. The same each time:
nothing here is drawn anew. ``./run fuzz`` goes on from here."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.inputs import CORPUS, DICTIONARY, everything, kept, of_transcripts
from fuzz.targets import OPTION_BYTES, TARGETS, TURN, hold

STEPS_AT_MOST: Final = 20_000
STEPS_A_BYTE: Final = 400
"""Lines of Python that one input may take: each byte is looked at by a few passes and cuts. Twice what the corpus takes, and
far from what a loop that does not end takes."""
HELD_AT_MOST: Final = 256 * 1024
HELD_A_BYTE: Final = 400
"""Bytes that one input may make us hold at any moment, all its passes together. An empty list in a list costs the most."""

INPUTS: Final = everything()


def ids() -> list[str]:
    return [f"{target}-{number}" for number, (target, _) in enumerate(INPUTS)]


@pytest.mark.parametrize(("target", "data"), INPUTS, ids=ids())
def test_every_input_that_is_kept_holds(target: str, data: bytes) -> None:
    hold(target, data)


def steps(call: Callable[[], None]) -> int:
    """Lines of Python executed: time without a clock."""
    taken = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal taken
        taken += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return taken


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_that_is_kept_takes_long(target: str) -> None:
    for kind, data in INPUTS:
        if kind == target:
            assert steps(lambda kind=kind, data=data: hold(kind, data)) <= STEPS_AT_MOST + STEPS_A_BYTE * len(data)


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_that_is_kept_makes_much_be_held(target: str) -> None:
    tracemalloc.start()
    try:
        for kind, data in INPUTS:
            if kind == target:
                before, _ = tracemalloc.get_traced_memory()
                tracemalloc.reset_peak()
                hold(kind, data)
                _, peak = tracemalloc.get_traced_memory()
                assert peak - before <= HELD_AT_MOST + HELD_A_BYTE * len(data), data[:200]
    finally:
        tracemalloc.stop()


WORDS: Final = [
    line[1:-1].encode().decode("unicode_escape").encode("latin-1")
    for line in DICTIONARY.read_text().splitlines()
    if line.startswith('"')
]


@st.composite
def mutations(draw: st.DrawFn, target: str) -> bytes:
    """An input of ``target`` with words of the grammar, other bytes and holes put into it."""
    data = draw(st.sampled_from([data for kind, data in INPUTS if kind == target]))
    options, wire = draw(st.binary(min_size=OPTION_BYTES, max_size=OPTION_BYTES)), data[OPTION_BYTES:]
    start = draw(st.integers(0, max(0, len(wire) - 1)))
    wire = wire[start : start + 600]
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(wire)))
        hole = draw(st.sampled_from([0, 0, 1, 2, 40]))
        put = draw(st.sampled_from([*WORDS, b"", TURN]) | st.binary(max_size=4))
        wire = wire[:place] + put + wire[place + hole :]
    return options + wire


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_hold(target: str) -> None:
    @settings(max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(mutations(target))
    def check(data: bytes) -> None:
        hold(target, data)

    check()


def test_every_target_has_transcripts_and_a_corpus_of_few_small_files() -> None:
    for target in TARGETS:
        assert list(of_transcripts(target))
        assert list(kept(target)), f"tests/fuzz/corpus/{target} is empty"
    files = list(CORPUS.glob("*/*"))
    assert {path.parent.name for path in files} == set(TARGETS)
    assert len(files) <= 100
    assert sum(path.stat().st_size for path in files) <= 64 * 1024
