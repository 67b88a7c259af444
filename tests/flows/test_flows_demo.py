"""``idlebell demo`` as people start it, without a terminal: one mail, every step, the bell, and the end."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-c", "from idlebell.cli import main; main()", "demo"]
ENVIRONMENT = {**os.environ, "PYTHONIOENCODING": "utf-8"}
STEPS = ["delivered", "exists", "fetched", "committed", "pushed", "received"]
SECONDS = 60


def test_without_a_terminal_one_mail_rings_and_the_demo_ends_with_0(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path, check=False,
        env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^ +[\d.]+ ms  (\w+)", done.stdout, re.MULTILINE) == STEPS
    assert "🔔 Boss <boss@example.org>: Lunch?" in done.stdout
    assert "\033" not in done.stdout
    assert not [*tmp_path.iterdir()], "it leaves nothing behind"


def test_on_a_terminal_each_enter_delivers_a_mail_and_q_ends_it(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    demo = subprocess.Popen(
        COMMAND,
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=tmp_path,
        env={**ENVIRONMENT, "NO_COLOR": "1"},
    )
    os.close(its)
    try:
        seen = b""
        for key, bells in ((b"\n", 1), (b"\n", 2), (b"q\n", 2)):
            while seen.count(b"to end.") <= bells - (key != b"q\n"):
                seen += os.read(ours, 4096)
            os.write(ours, key)
        try:
            while data := os.read(ours, 4096):
                seen += data
        except OSError:
            pass  # Linux' way to say that the other end is closed (EIO)
        assert demo.wait(SECONDS) == 0
    finally:
        demo.kill()
        demo.wait()
        os.close(ours)
    assert seen.count(b"rang") == 2
    assert b"\033" not in seen


def test_at_the_prompt_ctrl_c_is_as_good_as_q(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    demo = subprocess.Popen(COMMAND, stdin=its, stdout=its, stderr=its, cwd=tmp_path, env=ENVIRONMENT)
    os.close(its)
    try:
        seen = b""
        while b"to end." not in seen:
            seen += os.read(ours, 4096)
        demo.send_signal(signal.SIGINT)
        try:
            while data := os.read(ours, 4096):
                seen += data
        except OSError:
            pass  # Linux' way to say that the other end is closed (EIO)
        assert demo.wait(SECONDS) == 0
    finally:
        demo.kill()
        demo.wait()
        os.close(ours)
    assert b"Aborted" not in seen
