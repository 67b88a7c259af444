"""The command line: what it prints, where, and with which status."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

import idlebell
from idlebell.cli import COMMANDS, main
from idlebell.cli.failure import Failure
from idlebell.cli.passwords import from_command, from_file, password_source


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command in an empty folder, with an environment of its own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("IDLEBELL_"):
            monkeypatch.delenv(name)

    def invoke(*words, **more):
        return CliRunner().invoke(main, [str(word) for word in words], prog_name="idlebell", **more)

    return invoke


def test_the_version_is_told(run):
    assert run("--version").output == f"idlebell {idlebell.__version__}\n"


def test_without_a_terminal_it_is_told_where_a_password_can_come_from(run):
    found = run("watch", "imaps://alice@localhost", input="")
    assert found.exit_code == 1
    assert "no terminal to ask at; use --password-file or --password-command" in found.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(run, name):
    found = run(name, "--help")
    assert found.exit_code == 0
    assert found.output.startswith(f"Usage: idlebell {name}")


@pytest.mark.parametrize("words", [(), ("keys",)])
def test_no_summary_of_a_command_is_cut_off(run, words):
    assert "..." not in run(*words, "--help").output.partition("Commands:")[2]


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from idlebell.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    heavy = {
        "asyncio",
        "ssl",
        "msgspec",
        "litestar",
        "aiohttp",
        "uvicorn",
        "uvloop",
        "cryptography",
        "prometheus_client",
    }
    assert not heavy & set(done.stderr.split())


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "idlebell", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"idlebell {idlebell.__version__}\n"


def test_wrong_usage_is_status_2(run):
    assert run("sreve").exit_code == 2
    assert run("check").exit_code == 2
    assert run("watch", "https://example.org").exit_code == 2
    assert run("watch", "imaps://a@h", "--notify", "nonsense").exit_code == 2
    assert "did you mean from?" in run("watch", "imaps://a@h", "--filter", '{"form": "b"}').output
    assert "cannot be read" in run("watch", "imaps://a@h", "--filter", "@/nowhere/at/all").output
    assert run("keys", "make", "x", "--scope", "everything").exit_code == 2


def test_a_wrong_configuration_is_status_1_and_a_line_a_fault(run, tmp_path):
    (tmp_path / "c.toml").write_text("[imap]\nidle_restart_second = 3\n[log]\nlevel = 3\n")
    for command in ("check", "serve"):
        found = run(command, "--config", "c.toml")
        assert found.exit_code == 1
        assert found.stdout == ""
        assert found.stderr.splitlines()[0] == (
            "idlebell: [imap] idle_restart_second: unknown key; did you mean idle_restart_seconds? (c.toml)"
        )
        assert len(found.stderr.splitlines()) == 2


def test_a_good_configuration_is_said_to_be_good(run, tmp_path):
    (tmp_path / "c.toml").write_text('[log]\nlevel = "debug"\n')
    found = run("check", "--config", "c.toml")
    assert (found.exit_code, found.output) == (0, "c.toml: all is well\n")
    (tmp_path / "c.toml").write_text(
        '[server]\npublic_url = "https://bell.example.org/"\n[oauth.google]\nclient_id = "a"'
    )
    registered = run("check", "--config", "c.toml").output.splitlines()[0]
    assert registered.endswith("the redirect URI to register there: https://bell.example.org/signed-in/google")


def test_files_that_cannot_be_read_are_told(run, tmp_path):
    (tmp_path / "c.toml").write_text('[imap]\nca_file = "none.pem"\n')
    found = run("check", "--config", "c.toml")
    assert found.exit_code == 1
    assert "[imap] ca_file: none.pem cannot be read" in found.stderr


def test_the_commands_that_are_ever_sent_are_listed_with_their_reasons(run):
    from idlebell.imap.permitted import PERMITTED_NAMES

    lines = run("check", "--commands").output.splitlines()
    assert lines[2].split() == [PERMITTED_NAMES[0][0], *PERMITTED_NAMES[0][1].split()]
    assert len(lines) == 2 + len(PERMITTED_NAMES)
    assert not [line for line in lines if line.startswith(("SELECT", "STORE", "EXPUNGE", "APPEND"))]


def test_an_api_key_is_made_listed_and_revoked(run):
    made = run("keys", "make", "phone", "--scope", "metrics", "--scope", "subscriptions", "--days", "3")
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert token.startswith("ibk_")
    listed = run("keys", "list").output
    assert "phone" in listed
    assert "metrics, subscriptions" in listed
    assert token not in listed
    key = listed.split()[0]
    assert run("keys", "revoke", key).exit_code == 0
    assert run("keys", "list").output == ""
    again = run("keys", "revoke", key)
    assert (again.exit_code, again.stderr) == (
        1,
        f"idlebell: there is no key or invitation {key!r}; see idlebell keys list\n",
    )


def test_an_invitation_is_made_listed_and_revoked(run):
    made = run("keys", "invite", "Ann", "--uses", "3", "--days", "2")
    assert made.exit_code == 0, made.output
    link = made.stdout.strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:8025/#invite=ibi_[\w-]{43}", link)
    assert "public_url is not set" in made.stderr
    assert "up to 3 may register" in made.stderr
    listed = run("keys", "list").output
    assert "used 0 of 3" in listed
    assert "Ann" in listed
    assert link.partition("=")[2] not in listed
    one = listed.split()[0]
    assert run("keys", "revoke", one).exit_code == 0
    assert run("keys", "list").output == ""
    assert run("keys", "revoke", one).exit_code == 1


def test_a_link_begins_with_the_public_url(run, tmp_path):
    (tmp_path / "idlebell.toml").write_text('[server]\npublic_url = "https://bell.example.org/"\n')
    made = run("keys", "invite", "Ann", "--config", "idlebell.toml")
    assert made.stdout.startswith("https://bell.example.org/#invite=ibi_"), made.output
    assert "public_url" not in made.stderr


@pytest.mark.parametrize("wrong", [("--uses", "0"), ("--uses", "1001"), ("--days", "0"), ("--days", "366")])
def test_an_invitation_has_bounds(run, wrong):
    assert run("keys", "invite", "Ann", *wrong).exit_code == 2


def test_the_vapid_key_is_made_once(run):
    first = run("keys", "vapid").stdout.strip()
    assert len(first) == 87
    assert run("keys", "vapid").output.strip() == first


def test_a_vapid_key_is_rotated_listed_and_revoked(run):
    first = run("keys", "vapid").stdout.strip()
    second = run("keys", "rotate-vapid").output.strip()
    assert len(second) == 87
    assert run("keys", "vapid").output.strip() == second != first
    listed = run("keys", "list").output.splitlines()
    assert listed[0] == f"{second}  VAPID, current, subscriptions: 0"
    assert re.fullmatch(rf"{first}  VAPID, retired \d{{4}}-\d\d-\d\d, subscriptions: 0", listed[1])
    current = run("keys", "revoke", second)
    assert (current.exit_code, "rotate-vapid first" in current.stderr) == (1, True)
    assert run("keys", "revoke", first).exit_code == 0
    assert run("keys", "revoke", first).exit_code == 1
    for _ in range(4):
        assert run("keys", "rotate-vapid").exit_code == 0
    full = run("keys", "rotate-vapid")
    assert (full.exit_code, len(full.stderr.splitlines())) == (1, 1)
    assert "5 VAPID keys are kept" in full.stderr


def test_a_store_that_is_none_is_one_line(run, tmp_path):
    (tmp_path / "idlebell.db").write_text("this is no database, and it is long enough to be sure of that" * 20)
    found = run("keys", "list")
    assert found.exit_code == 1
    assert len(found.stderr.splitlines()) == 1


def test_why_makes_no_database_and_names_the_one_it_looked_in(run, tmp_path):
    path = tmp_path / "idlebell.db"
    found = run("why", "sub_1", "--uid", "1")
    assert (found.exit_code, found.stderr) == (
        1,
        f"idlebell: there is no database {path} yet; idlebell serve makes it, or give --config FILE, as to idlebell serve\n",
    )
    assert not path.exists()
    listed = run("keys", "list")
    assert (listed.exit_code, listed.stdout, f"made the database {path}; " in listed.stderr) == (0, "", True)
    assert run("keys", "list").stderr == ""
    found = run("subscriptions", "list")
    assert (found.exit_code, found.stdout, found.stderr) == (0, "", f"no subscriptions in {path}\n")
    found = run("why", "sub_1", "--uid", "1")
    assert (found.exit_code, found.stderr) == (1, f"idlebell: there is no subscription 'sub_1' in {path}\n")


def test_passwords_come_from_the_first_line(tmp_path):
    path = tmp_path / "p"
    path.write_bytes("päss wörd\r\nmore\n".encode())
    assert from_file(path).text() == "päss wörd"
    assert from_command("printf 'secret\\nmore'").text() == "secret"


@pytest.mark.parametrize("command", ["true", "exit 3"])
def test_a_command_that_gives_no_password_is_a_failure(command):
    with pytest.raises(Failure):
        from_command(command)


def test_a_file_that_gives_no_password_is_a_failure(tmp_path):
    with pytest.raises(Failure, match="cannot be read"):
        from_file(tmp_path / "none")
    (tmp_path / "empty").touch()
    with pytest.raises(Failure, match="first line is empty"):
        from_file(tmp_path / "empty")


def test_two_sources_of_a_password_are_wrong_usage(run, tmp_path):
    assert password_source(None, None) is None
    assert run("watch", "imaps://a@h", "--password-file", "a", "--password-command", "b").exit_code == 2


@pytest.fixture
def imap_port():
    """A server that greets and names what it can do, to one connection after another."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"* OK [CAPABILITY IMAP4rev1 IDLE ID X-MORE] ready\r\n")
                for line in lines:
                    connection.sendall(b"* BYE\r\n" if b"LOGOUT" in line.upper() else b"")
                    connection.sendall(line.split()[0] + b" OK done\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def test_a_server_is_asked_what_it_can_do(run, imap_port, monkeypatch):
    monkeypatch.setenv("IDLEBELL_NETWORK__ALLOW", '["127.0.0.0/8"]')
    monkeypatch.setenv("IDLEBELL_NETWORK__ALLOW_PLAINTEXT", "true")
    found = run("check", f"imap+plain://127.0.0.1:{imap_port}")
    assert found.exit_code == 0, found.output
    assert "TLS: none" in found.output
    assert "IDLE" in found.output
    assert "Would be watched by: IDLE" in found.output


def test_a_server_that_the_rules_forbid_is_told_so(run, imap_port):
    found = run("check", f"imaps://127.0.0.1:{imap_port}")
    assert found.exit_code == 1
    assert "not-allowed" in found.stderr
    assert "network.allow" in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_client_certificates_that_do_not_fit_or_end_soon_are_told(tmp_path: Path) -> None:
    authority = trustme.CA()

    def issued(name: str, days: int) -> tuple[Path, Path]:
        made = authority.issue_cert(common_name=name, not_after=datetime.now(UTC) + timedelta(days=days))
        certificate, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        certificate.write_bytes(made.cert_chain_pems[0].bytes())
        key.touch(0o600)
        key.write_bytes(made.private_key_pem.bytes())
        return certificate, key

    (soon, soon_key), (late, late_key) = issued("soon", 3), issued("late", 300)
    config = tmp_path / "idlebell.toml"

    def checked(certificate: Path, key: Path) -> Result:
        config.write_text(
            f'[store]\nurl = "sqlite:{tmp_path}/idlebell.db"\n[[watch]]\nurl = "imaps://a@h.example"\nexec = "true"\n'
            f'client_certificate = "{certificate}"\nclient_key = "{key}"\n'
        )
        return CliRunner().invoke(main, ["check", "--config", str(config)])

    well = checked(late, late_key)
    assert (well.exit_code, well.stderr) == (0, ""), well.output
    ends = checked(soon, soon_key)
    assert (ends.exit_code, f"[[watch]] 1 client_certificate: {soon} is valid until" in ends.stderr) == (0, True)
    late_key.chmod(0o644)
    shown = checked(late, late_key)
    assert (shown.exit_code, f"client_key: {late_key} can be read by everybody" in shown.stderr) == (0, True)
    other = checked(late, soon_key)
    assert (other.exit_code, "is not its key" in other.stderr) == (1, True)
