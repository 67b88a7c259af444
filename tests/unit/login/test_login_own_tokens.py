from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from idlebell.login import own_tokens
from idlebell.login.authorization import Endpoints
from idlebell.login.own_tokens import printed_by, refresh_own, refresh_token_of
from idlebell.login.password_source import NoPassword
from idlebell.login.token_endpoint import Granted, read_printed
from idlebell.model.account import CommandedCredentials, FiledCredentials, RenewableCredentials
from idlebell.model.endpoint import PushUrl
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.telemetry.facts import Fact, Warned

ENDPOINTS = Endpoints("https://login.example.org/auth", PushUrl("https://login.example.org/token"))


@pytest.mark.parametrize(
    ("printed", "token", "seconds"),
    [
        (b"t0ken\n", "t0ken", 3600.0),
        (b" t0ken \r\nwhat a program says besides\n", "t0ken", 3600.0),
        (b'{"access_token": "t0ken", "expires_in": 600, "refresh_token": "kept elsewhere"}', "t0ken", 600.0),
        (b'\n {"access_token": "t0ken", "token_type": "Bearer"}\n', "t0ken", 3600.0),
        (b"", None, None),
        (b"Error: please sign in\n", None, None),
        (b'{"error": "invalid_grant"}', None, None),
        (b"{", None, None),
        (b"\xff\xfe\n", None, None),
        (b"x" * 20_000, None, None),
    ],
)
def test_a_command_prints_a_token_or_the_answer_of_a_token_endpoint(
    printed: bytes, token: str | None, seconds: float | None
) -> None:
    found = read_printed(printed)
    if token is None:
        assert isinstance(found, Fault)
        assert found.code == "token-unavailable"
        assert "sign in" not in found.private, "it may have printed half of a secret"
    else:
        assert found == Granted(Secret(token), None, seconds or 0.0)


async def test_a_command_that_fails_or_hangs_is_another_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_tokens, "COMMAND_SECONDS", 0.2)
    for command, why in (
        ("false", "token_command failed with status 1"),
        ("/nowhere/program", "token_command cannot be started"),
        (f"{sys.executable} -c 'import time; time.sleep(60)'", "token_command did not end within 0.2 s"),
    ):
        found = await printed_by(command)
        assert isinstance(found, Fault)
        assert (found.code, found.private) == ("token-unavailable", why)
    assert isinstance(await printed_by("echo t0ken"), Granted)


def test_a_file_of_a_refresh_token_is_its_owners_and_holds_one(tmp_path: Path) -> None:
    file = tmp_path / "token"
    for content, mode, why in (
        ("refresh\n", 0o640, "open to others"),
        ("two words\n", 0o600, "is no refresh token"),
        ("", 0o600, "is no refresh token"),
        (None, 0o600, "cannot be read"),
    ):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_text(content)
            file.chmod(mode)
        with pytest.raises(NoPassword, match=why):
            refresh_token_of(file)
    file.write_text("refresh\nof alice\n")
    file.chmod(0o600)
    assert refresh_token_of(file).text() == "refresh"


async def test_a_new_refresh_token_is_in_its_file_before_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    told: list[Fact] = []
    answers: list[Granted | Fault] = [
        Granted(Secret("access"), Secret("second"), 600.0),
        Granted(Secret("access"), None, 600.0),
        Fault("token-refused", "no"),
        Granted(Secret("access"), Secret("third"), 600.0),
    ]
    asked: list[str] = []

    async def refresh(credentials: RenewableCredentials) -> Granted | Fault:
        asked.append(credentials.token_url.reveal())
        return answers.pop(0)

    async def run(command: str) -> Granted | Fault:
        return Granted(Secret(command), None, 60.0)

    known: dict[str, Endpoints | str] = {"corp": "timeout: nobody there"}

    async def endpoints_of(name: str) -> Endpoints | str:
        return known[name]

    refreshed = refresh_own(refresh, run, endpoints_of, told.append)
    own = FiledCredentials(Secret("first"), "corp", "idlebell", None, file)
    assert own.source == "corp"
    away = await refreshed(own)
    assert isinstance(away, Fault)
    assert (away.code, away.private, asked) == ("token-unavailable", "timeout: nobody there", [])
    known["corp"] = ENDPOINTS
    assert isinstance(await refreshed(own), Granted)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("second\n", 0o600)
    assert [own.has_had(Secret(token)) for token in ("first", "second", "third")] == [True, True, False]
    assert own.source == "login.example.org"
    for _ in range(2):
        await refreshed(own)
    assert file.read_text() == "second\n"
    assert told == []
    own.file = tmp_path / "gone" / "token"
    assert isinstance(await refreshed(own), Granted), "it is good for as long as we live"
    (warned,) = told
    assert isinstance(warned, Warned)
    assert "cannot be written" in warned.text
    assert "third" not in warned.text
    assert set(asked) == {"https://login.example.org/token"}

    assert await refreshed(CommandedCredentials("print")) == Granted(Secret("print"), None, 60.0)
    assert (CommandedCredentials("print").source, "secret" in repr(CommandedCredentials("secret"))) == (
        "token_command",
        False,
    )
    answers.append(Granted(Secret("access"), Secret("of an app"), 600.0))
    apps = RenewableCredentials(Secret("r"), PushUrl("https://app.example/token"), "app")
    assert isinstance(await refreshed(apps), Granted)
    assert asked[-1] == "https://app.example/token"


async def test_a_new_refresh_token_outlives_a_loss_of_power_and_a_full_disk_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a rename did lies in the folder, which is synced by itself."""
    file, synced, full = tmp_path / "token", list[bool](), False
    file.write_text("first\n")

    def fsync(descriptor: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode) and file.read_text() == "second\n")

    async def refresh(_: RenewableCredentials) -> Granted | Fault:
        return Granted(Secret("access"), Secret("third" if full else "second"), 600.0)

    async def endpoints_of(_: str) -> Endpoints | str:
        return ENDPOINTS

    monkeypatch.setattr(os, "fsync", fsync)
    told: list[Fact] = []
    refreshed = refresh_own(refresh, printed_by, endpoints_of, told.append)
    own = FiledCredentials(Secret("first"), "corp", "idlebell", None, file)
    await refreshed(own)
    assert synced == [False, True]
    full = True
    await refreshed(own)
    assert ([one.name for one in tmp_path.iterdir()], file.read_text(), len(told)) == (["token"], "second\n", 1)
