"""Sieve as Dovecot's Pigeonhole has it: the same scripts and messages, the same verdicts, or a difference that is explained."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.rules.sieve import SieveError, read_sieve
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers import pigeonhole
from servers.dovecot_server import DovecotServer
from sieve_cases import DIFFERENCES, SCRIPTS, TESTS, decide, when
from sieve_messages import MESSAGES

pytestmark = pytest.mark.needs("sieve")

_FILED = re.compile(r'fileinto "(.*?)"(?:$|, which)')


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with PushService() as service:
        yield service


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


# --- through the whole gateway ---

_BELL = """\
require ["enotify", "body", "variables", "fileinto"];
if header :matches "subject" "[*] *" {
  set "list" "${1}";
  fileinto "Lists";
  if not string "${list}" "urgent" { stop; }
}
if anyof (address :domain "from" "example.org", body :contains "at noon") {
  notify :importance "1" :message "${list}" "mailto:me@example.org";
}
"""


async def test_script_decides_what_rings_from_a_real_server(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    """Refused with its line; then a script with notify; then, without touching the session, one that only sorts."""
    user = dovecot.add_user()
    endpoints = {"new_mail": service.make_webhook()}

    async def deliver(**parts: str) -> None:
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(**parts))  # type: ignore[arg-type]

    def subjects() -> list[str]:
        bells = [one.payload for one in service.of("hook") if one.type == "new_mail"]
        return [message["subject"] for payload in bells if payload is not None for message in payload["messages"]]

    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        request = subscription(dovecot.ports.imaps, user.name, user.password, endpoints, payload="summary")
        status, wrong = await gateway.call("POST", "/v1/subscriptions", request | {"filter": {"sieve": "keep;\nkeep"}})
        assert (status, wrong["errors"][0]["pointer"]) == (422, "/filter/sieve"), wrong
        assert wrong["errors"][0]["detail"].startswith("line 2: keep ends with a semicolon")

        status, made = await gateway.call("POST", "/v1/subscriptions", request | {"filter": {"sieve": _BELL}})
        assert (status, made["filter"]) == (201, {"sieve": _BELL}), made
        await deliver(subject="[users] A release", sender="Boss <boss@example.org>", text="at noon")
        await deliver(subject="Nothing", sender="Pat <pat@example.com>", text="whenever")
        await deliver(subject="[urgent] Fire", sender="Boss <boss@example.org>", text="now")
        await deliver(subject="Lunch?", sender="Pat <pat@example.com>", text="Shall we meet at noon?")
        await service.wait_for(lambda one: "Lunch?" in str(one.payload), name="hook")
        assert subjects() == ["[urgent] Fire", "Lunch?"]

        where, token = f"/v1/subscriptions/{made['id']}", made["token"]
        sorting = 'require "fileinto";\nif header :contains "subject" "[users]" { fileinto "Lists"; }'
        status, changed = await gateway.call("PATCH", where, {"filter": {"sieve": sorting}}, token=token)
        assert (status, changed["filter"]) == (200, {"sieve": sorting}), changed
        await deliver(subject="[users] More")
        await deliver(subject="Hello")
        await service.wait_for(lambda one: "Hello" in str(one.payload), name="hook")
        assert subjects() == ["[urgent] Fire", "Lunch?", "Hello"]

        status, tried = await gateway.call(
            "POST", f"{where}/filters/test", {"filter": {"sieve": _BELL}, "limit": 6}, token=token
        )
        assert status == 200, tried
        assert [(one["subject"], one["rings"], one["because"]) for one in tried["results"]][:4] == [
            ("Hello", True, ["line 8: notify"]),
            ("[users] More", False, ["the script reaches no notify"]),
            ("Lunch?", True, ["line 8: notify"]),
            ("[urgent] Fire", True, ['line 8: notify "urgent"']),
        ]
