"""What the doctor finds, and that a bundle lets nothing in but by its type."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from idlebell.cli import bundle, checkup, main
from idlebell.cli.checkup import Level
from idlebell.config import Settings
from idlebell.config import settings as sections
from idlebell.config.values import Address
from servers.sandbox import free_port

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
AT = "2026-11-26T04:00:00.123Z"


def doctor(folder: Path, more: str = "") -> Result:
    config = folder / "idlebell.toml"
    where = f'[server]\nlisten = "127.0.0.1:{free_port()}"\n[store]\nurl = "sqlite:{folder}/idlebell.db"\n'
    config.write_text(where + more)
    return CliRunner().invoke(main, ["doctor", "--config", str(config)], prog_name="idlebell")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a database and its key."""
    config = tmp_path / "idlebell.toml"
    config.write_text(f'[store]\nurl = "sqlite:{tmp_path}/idlebell.db"\n')
    made = CliRunner().invoke(main, ["keys", "make", "phone", "--config", str(config)])
    assert made.exit_code == 0, made.output
    return tmp_path


def test_a_sound_installation_is_told_so(installed: Path) -> None:
    found = doctor(installed, '[push]\nvapid_subject = "mailto:operator@example.org"\n')
    assert found.exit_code == 0, found.output
    for line in ("configuration: understood", "database: every page is sound", "sealing key: opens the database"):
        assert f"ok    {line}" in found.output
    assert "warn  gateway: nobody answers" in found.output
    assert "fail" not in found.output


def test_a_key_that_others_can_read_or_that_is_another_fails(installed: Path) -> None:
    (key,) = installed.glob("*.key")
    content = key.read_bytes()
    key.chmod(0o644)
    found = doctor(installed)
    assert (found.exit_code, "chmod 600" in found.output) == (1, True)
    key.chmod(0o600)
    key.write_bytes(os.urandom(32) if len(content) == 32 else b"A" * 43 + content[43:])
    found = doctor(installed)
    assert (found.exit_code, "fail  sealing key: opens another" in found.output) == (1, True), found.output


def test_a_database_of_a_newer_version_fails_and_an_older_one_is_left_as_it_is(installed: Path) -> None:
    for schema, word in ((9_999, "fail  schema"), (3, "warn  schema")):
        connection = sqlite3.connect(installed / "idlebell.db")
        connection.execute(f"PRAGMA user_version = {schema}")
        connection.close()
        assert word in doctor(installed).output
    connection = sqlite3.connect(installed / "idlebell.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.close()


def test_no_database_and_a_configuration_that_is_not_understood(tmp_path: Path) -> None:
    found = doctor(tmp_path)
    assert (found.exit_code, "warn  database: there is no" in found.output) == (0, True)
    found = doctor(tmp_path, "[imap]\npoll_secnds = 3\n")
    assert (found.exit_code, "fail  configuration: " in found.output) == (1, True)
    assert not (tmp_path / "idlebell.db").exists()


def test_a_folder_that_is_not_there_is_told_with_the_mend(tmp_path: Path) -> None:
    config = tmp_path / "idlebell.toml"
    config.write_text(
        f'[server]\nlisten = "127.0.0.1:{free_port()}"\n[store]\nurl = "sqlite:{tmp_path}/nowhere/idlebell.db"\n'
    )
    words = ["doctor", "--config", str(config), "--bundle", str(tmp_path / "nowhere" / "bundle.json")]
    found = CliRunner().invoke(main, words, prog_name="idlebell")
    assert found.exit_code == 1
    assert f"fail  database: there is no folder {tmp_path}/nowhere; make it" in found.stdout
    assert "bundle.json cannot be written: No such file" in found.stderr


@pytest.mark.parametrize(("days", "level"), [(-1, Level.FAIL), (5, Level.WARN), (90, Level.OK)])
def test_a_certificate_is_told_of_by_its_end(tmp_path: Path, days: int, level: Level) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "push.example.org")])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 1, NOW - timedelta(days=100), NOW + timedelta(days=days)
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (one,) = checkup.of_certificate(path, NOW)
    assert one.level is level
    path.write_text("nothing")
    (one,) = checkup.of_certificate(path, NOW)
    assert one.level is Level.FAIL


def test_a_clock_that_went_back_fails() -> None:
    assert checkup.of_clock(int((NOW + timedelta(days=1)).timestamp() * 1e6), NOW).level is Level.FAIL
    assert checkup.of_clock(None, NOW).level is Level.OK


def test_an_open_door_is_warned_of() -> None:
    settings = Settings(server=sections.Server(listen=Address("192.0.2.1", 80), allow_open=True))
    found = {one.subject for one in checkup.of_settings(settings) if one.level is Level.WARN}
    assert found == {"VAPID subject", "registration", "encryption"}


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (
            "warning login_failed account=acc_x host=h code=unreachable detail=x private=x",
            "warning login_failed code=unreachable",
        ),
        ("info session_opened account=acc_x host=h took_ms=41.2", "info session_opened took_ms=41.2"),
        # What stands within quotation marks is no member, and what is no word is of no closed set.
        (
            r'warning session_lost detail="x code=alice \" code=bob" code=session-lost',
            "warning session_lost code=session-lost",
        ),
        ("warning session_lost code=alice@example.org", "warning session_lost"),
        ("warning uvicorn: hello alice", None),
        ("alice", None),
    ],
)
def test_of_a_line_of_the_log_numbers_and_closed_words_are_kept(line: str, kept: str | None) -> None:
    assert bundle.log_line(f"{AT} {line}\n") == (None if kept is None else f"{AT} {kept}")
    assert bundle.log_line(line) is None
