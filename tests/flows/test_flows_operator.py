"""What an operator does from a terminal beside the gateway that serves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faults.fault_scene import scene
from faults.test_faults_leaves import CANARIES, a_life, log_at
from idlebell.cli import main
from idlebell.deliver import pruning


async def test_an_operator_lists_shows_and_ends_what_apps_have_subscribed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "EVERY_SECONDS", 0.1)
    config = tmp_path / "idlebell.toml"
    config.write_text(f'[store]\nurl = "sqlite:{tmp_path}/idlebell.db"\n')

    async def run(*words: str) -> Result:
        arguments = ["subscriptions", *words, "--config", str(config)]
        return await asyncio.to_thread(CliRunner().invoke, main, arguments, prog_name="idlebell")

    async with scene(tmp_path) as stage:
        made = await stage.subscribe(stage.wish(retention="memory"))
        assert made.status == 201, made
        identity, token = made.json["id"], made.json["token"]
        listed = await run("list")
        assert f"{identity}  active    until " in listed.output
        assert f"alice at localhost:{stage.server.tls_port}" in listed.output
        (line,) = (await run("list", "--json")).output.splitlines()
        shown = json.loads((await run("show", identity, "--json")).output)
        assert {**shown, **json.loads(line)} == shown
        assert (shown["username"], shown["retention"], shown["counts"]["detected"]) == ("alice", "memory", 0)
        assert shown["endpoints"][0].startswith("new_mail: simplepush at ")
        for secret in (token, "/alice"):
            assert secret not in json.dumps(shown) + (await run("show", identity)).output
        ended = await run("end", identity)
        assert (ended.exit_code, ended.output) == (0, f"{identity} ends\n")

        async def is_over() -> bool:
            answer = await stage.call("GET", f"/v1/subscriptions/{identity}", token=token)
            return str(answer.json["state"]) == "expired"

        await stage.until(is_over)
        await stage.server.until(lambda: not stage.server.sessions)  # logged out,
        assert len(stage.running.gateway.means.keyring) == 0  # and the credentials are gone
        assert "is over already" in (await run("end", identity)).output
    unknown = await run("end", "sub_x")
    assert (unknown.exit_code, "there is no subscription 'sub_x'" in unknown.output) == (1, True)
    assert (await run("end")).exit_code == 2


async def test_a_support_bundle_of_a_gateway_that_serves_names_nobody(tmp_path: Path) -> None:
    """C2: what users gave, with a log at its most talkative, and what the operator has set."""
    config, made = tmp_path / "idlebell.toml", tmp_path / "bundle.json"
    with log_at("debug") as log:
        async with scene(tmp_path) as stage:
            await a_life(stage)
            (tmp_path / "gateway.log").write_text(log.getvalue())
            port = stage.url.rpartition(":")[2]
            config.write_text(
                f'[server]\nlisten = "127.0.0.1:{port}"\npublic_url = "https://publiccanary.example"\n'
                f'[store]\nurl = "sqlite:{tmp_path}/idlebell.db"\n'
                '[imap]\nonly_hosts = ["hostcanary.example"]\nsupport_url = "https://supportcanary.example/"\n'
                "poll_seconds = 61\n"
                '[push]\nvapid_subject = "mailto:subjectcanary@example.org"\n'
                '[network]\nproxy = "http://usercanary:wordcanary@proxycanary.example:3128"\nallow = ["10.9.8.0/24"]\n'
                '[[watch]]\nurl = "imaps://watchcanary@example.org"\npassword_command = "commandcanary"\n'
                'exec = "execcanary"\n'
            )
            arguments = ["--bundle", str(made), "--log", str(tmp_path / "gateway.log"), "--config", str(config)]
            done = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", *arguments], prog_name="idlebell")
    assert done.exit_code == 0, done.output
    assert f"ok    gateway: it serves at 127.0.0.1:{port}" in done.output
    assert "ok    process: one gateway serves" in done.output
    text = made.read_text()
    ours = (
        f"{word}canary" for word in ("public", "host", "support", "subject", "user", "word", "proxy", "watch", "exec")
    )
    never = (*CANARIES, *ours, "commandcanary", "10.9.8", "localhost", str(tmp_path), "acc_", "sub_")
    assert [word for word in never if word in text] == []
    told = json.loads(text)
    assert told["configuration"]["imap"]["poll_seconds"] == 61
    assert told["configuration"]["server"]["public_url"] == "(given)"
    assert told["configuration"]["watch"] == "(1 given)"
    assert told["configuration"]["push"]["verify_endpoints"] == "(default)"
    assert told["rows"]["subscriptions"] == 2
    assert any(line.startswith("idlebell_session_opened_total ") for line in told["metrics"])
    assert any("login_failed code=authentication-failed" in line for line in told["log"])
