"""Sieve as Dovecot's Pigeonhole has it: the same scripts and messages, the same verdicts, or a difference that is explained."""

from __future__ import annotations

import re

import pytest

from idlebell.rules.sieve import SieveError, read_sieve
from servers import pigeonhole
from sieve_cases import DIFFERENCES, SCRIPTS, TESTS, decide, when
from sieve_messages import MESSAGES

pytestmark = pytest.mark.needs("sieve")

_FILED = re.compile(r'fileinto "(.*?)"(?:$|, which)')


def test_scripts_do_what_pigeonhole_does() -> None:
    said = pigeonhole.ask(SCRIPTS, MESSAGES)

    differ: dict[str, str] = {}
    for (name, letter), done in said.items():
        assert isinstance(done, pigeonhole.Done), f"{name} is refused: {done}"
        judgement = decide(SCRIPTS[name], letter)
        filed = {found[1] for sentence in judgement.because if (found := _FILED.search(sentence)) is not None}
        if judgement.rings != done.rings(read_sieve(SCRIPTS[name]).notifies) or not filed <= {
            one for one, _ in done.stored
        }:
            differ[name] = differ.get(name, "") + letter
    assert len(said) >= 100
    assert differ == {name: letters for name, (letters, _) in DIFFERENCES.items() if name in SCRIPTS}


def test_tests_are_true_where_pigeonhole_says_so() -> None:
    said = pigeonhole.ask_tests(TESTS, MESSAGES)

    differ: dict[str, str] = {}
    for (name, letter), true in said.items():
        assert isinstance(true, bool), f"{name} is refused: {true}"
        test, extensions = TESTS[name]
        if decide(when(test, *extensions), letter).rings is not true:
            differ[name] = differ.get(name, "") + letter
    assert len(TESTS) >= 100
    assert differ == {name: letters for name, (letters, _) in DIFFERENCES.items() if name in TESTS}


REFUSED_BY_BOTH = [
    "keep",
    "keep; }",
    "if true { keep;",
    'if header "a" "b" keep;',
    'if "a" { keep; }',
    "else { keep; }",
    "if true, false { keep; }",
    "if true { keep; } keep; elsif true { stop; }",
    'fileinto "Work";',
    'require "nonsense";',
    'keep; require "fileinto";',
    'require ["a" "b"];',
    "frobnicate;",
    'if frobnicate "a" { keep; }',
    'if header :frob "a" "b" { keep; }',
    'if header :is :contains "a" "b" { keep; }',
    'if header "a" { keep; }',
    'if header "a" "b" "c" { keep; }',
    'if header "a" :is "b" { keep; }',
    "if size 1K { keep; }",
    'if size :over "1K" { keep; }',
    "if size :over 1X { keep; }",
    "if not { keep; }",
    "if allof { keep; }",
    'if address "subject" "a" { keep; }',
    'if header :comparator "i;nothing" "a" "b" { keep; }',
    'require "comparator-i;ascii-numeric"; if header :contains :comparator "i;ascii-numeric" "a" "b" { keep; }',
    'if header :value "gt" "a" "b" { keep; }',
    'require "relational"; if header :value "more" "a" "b" { keep; }',
    'require "variables"; set "1a" "b";',
    'require "variables"; set :upper :lower "a" "b";',
    'require "enotify"; notify :importance "9" "mailto:a@example.org";',
    'keep "a";',
    "discard { keep; }",
    '/* never closed',
    'keep "never closed',
    'require "reject"; reject text:\nnever closed',
    "@",
]  # fmt: skip


def test_what_is_wrong_for_pigeonhole_is_wrong_here_on_the_same_line() -> None:
    scripts = {script: script for script in REFUSED_BY_BOTH}
    said = pigeonhole.ask(scripts, {"a": MESSAGES["a"]})

    for script in REFUSED_BY_BOTH:
        theirs = said[script, "a"]
        assert isinstance(theirs, str), f"Pigeonhole takes {script!r}"
        with pytest.raises(SieveError) as ours:
            read_sieve(script)
        line = re.search(r"line (\d+)", theirs)
        assert line is None or ours.value.line in (int(line[1]), 1), (script, theirs, str(ours.value))
