"""Whatever a script is and whatever a message is, there is an answer; and patterns match as a regular expression would."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from idlebell.rules.evidence import Evidence
from idlebell.rules.sieve import SieveError, read_sieve
from idlebell.rules.sieve.dates import PARTS, read_date
from idlebell.rules.sieve.extensions import SUPPORTED
from idlebell.rules.sieve.glob import read_glob
from idlebell.rules.sieve.limits import MATCHED
from properties.test_filter_properties import MESSAGES

REQUIRE = "require [" + ", ".join(f'"{one}"' for one in SUPPORTED) + "];\n"
_WORDS = [
    *("keep", "discard", "stop", "if", "elsif", "else", "not", "allof", "anyof", "true", "header", "address", "size", "date"),
    *("exists", "body", "string", "hasflag", "currentdate", "set", "addflag", "fileinto", "notify", "redirect", "text:\n"),
    *(":is", ":contains", ":matches", ":value", ":count", ":over", ":index", ":copy", ":domain", ":zone", ":upper"),
    *('"subject"', '"from"', '"a*?"', '"${1}"', '"gt"', '"hour"', '"+0100"', '"\\""', "1", "2K", "[", "]", "(", ")", ","),
    *("{", "}", ";", "#\n", "/*", "*/", "\n.\n", '"'),
]  # fmt: skip
SOUP = st.lists(st.sampled_from(_WORDS) | st.text(max_size=5), max_size=40).map(" ".join)

_TEXTS = ["", "*", "a*", "?", "${1}${x}", "${0}", "7", "subject", "\\*", "é", "\\Seen a b", "${hex:41}"]
_texts = st.sampled_from(_TEXTS) | st.text(st.characters(codec="utf-8", exclude_characters='"\\\x00'), max_size=12)
_strings = _texts.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
_lists = _strings | st.lists(_strings, min_size=1, max_size=3).map(lambda some: "[" + ", ".join(some) + "]")
_how = st.sampled_from(
    [
        *("", ":is", ":contains", ":matches", ':value "lt"', ':count "ge"', ':comparator "i;octet"'),
        *(
            ':matches :comparator "i;octet"',
            ':count "eq" :comparator "i;ascii-numeric"',
            ':comparator "i;ascii-numeric"',
        ),
    ]
)
_names = st.sampled_from(['"subject"', '"from"', '["list-id", "precedence", "x"]'])
_dated = st.sampled_from(list(PARTS)).map('"{}"'.format)
_zones = st.sampled_from(["", ':zone "-0930"', ":originalzone"])
_leaves = st.one_of(
    st.sampled_from(["true", "false", "size :over 1K", 'exists "subject"', 'valid_notify_method "a:b"']),
    st.tuples(st.just("header"), _how, _names, _lists).map(" ".join),
    st.tuples(st.just("header :index 1 :last"), _how, _names, _lists).map(" ".join),
    st.tuples(st.just("address"), _how, st.sampled_from(["", ":domain", ":detail"]), st.just('"from"'), _lists).map(
        " ".join
    ),
    st.tuples(st.just("body :text"), _how, _lists).map(" ".join),
    st.tuples(st.just("string"), _how, _lists, _lists).map(" ".join),
    st.tuples(st.just("hasflag"), _how, _lists).map(" ".join),
    st.tuples(st.just("date"), _how, _zones, st.just('"date"'), _dated, _lists).map(" ".join),
    st.tuples(st.just("currentdate"), _how, _dated, _lists).map(" ".join),
)
_tests = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        inner.map("not {}".format),
        st.tuples(st.sampled_from(["anyof", "allof"]), st.lists(inner, min_size=1, max_size=3).map(", ".join)).map(
            lambda both: f"{both[0]} ({both[1]})"
        ),
    ),
    max_leaves=4,
)
_actions = st.one_of(
    st.sampled_from(["keep;", "discard;", "stop;", 'redirect :copy "a@b";', 'keep :flags "\\\\Seen";', 'reject "no";']),
    _strings.map('set :length "x" {};'.format),
    _strings.map('set :quotewildcard :upperfirst :lower "x" {};'.format),
    _strings.map('notify :message {} "mailto:a@b";'.format),
    _lists.map("addflag {};".format),
    _lists.map('removeflag "x" {};'.format),
)
_commands = st.recursive(
    _actions,
    lambda inner: st.tuples(_tests, inner, inner).map(
        lambda some: f"if {some[0]} {{ {some[1]} }} else {{ {some[2]} }}"
    ),
    max_leaves=4,
)
SCRIPTS = st.lists(_commands, max_size=5).map(lambda some: REQUIRE + "\n".join(some))


def _is_told(error: SieveError, script: str) -> None:
    assert 1 <= error.line <= script.count("\n") + 1
    assert error.detail


@given(st.text() | SOUP | SOUP.map(REQUIRE.__add__), MESSAGES)
def test_text_is_a_script_with_an_answer_or_wrong_on_a_line_of_it(script: str, message: object) -> None:
    try:
        rule = read_sieve(script)
    except SieveError as error:
        _is_told(error, script)
        return
    assert rule.decide(Evidence(message, "INBOX")).because  # type: ignore[arg-type]


@given(SCRIPTS, MESSAGES, st.sampled_from(["INBOX", "Work"]))
def test_script_decides_every_message(script: str, message: object, mailbox: str) -> None:
    rule = read_sieve(script)

    judgement = rule.decide(Evidence(message, mailbox))  # type: ignore[arg-type]

    assert judgement.because
    assert judgement == rule.decide(Evidence(message, mailbox))  # type: ignore[arg-type]


_few = st.text("ab", max_size=12)


@given(st.text("ab*?", max_size=10), _few)
def test_pattern_matches_and_captures_as_a_regular_expression_does(pattern: str, text: str) -> None:
    expression = "".join({"*": "(.*?)", "?": "(.)"}.get(one, one) for one in pattern)
    wanted = re.fullmatch(expression, text)

    spans = read_glob(pattern).match(text, lambda work: None)

    assert (spans is None) is (wanted is None)
    if spans is not None and wanted is not None:
        assert tuple(text[start:end] for start, end in spans) == wanted.groups()[: MATCHED - 1]


@given(st.text() | st.text("0123456789:+- JanFebMonGT;()", max_size=40))
def test_date_is_read_or_is_none(text: str) -> None:
    moment = read_date(text)

    assert moment is None or all(part(moment) for part in PARTS.values())
