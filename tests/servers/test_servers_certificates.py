"""Client certificates at a real server: shown in the handshake, as the login (SASL EXTERNAL) or beside a password."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from gateway_process import GatewayProcess
from idlebell.cli import main
from idlebell.compose.engine import running_engine
from idlebell.compose.parts import declared_accounts
from idlebell.config import load
from idlebell.login.opener import LoginFailed, Opener
from idlebell.model.account import (
    Account,
    CertificateCredentials,
    ClientCertificate,
    Credentials,
    ImapTarget,
    PasswordCredentials,
    Tls,
)
from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_policy import TlsPolicy
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import ClientCertificateEnds, Fact
from idlebell.telemetry.facts import LoginFailed as LoginFailedFact
from idlebell.testing import mail
from servers.dovecot_server import DovecotServer

pytestmark = pytest.mark.needs("dovecot")

SECONDS = 20


class People:
    """An authority of users' certificates, and its files."""

    def __init__(self, folder: Path) -> None:
        self._authority, self._strange, self._folder = trustme.CA(), trustme.CA(), folder
        self.ca_file = folder / "people.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)

    def certificate(self, user: str, *, strange: bool = False, ends: datetime | None = None) -> ClientCertificate:
        made = (self._strange if strange else self._authority).issue_cert(common_name=user, not_after=ends)
        place = self._folder / f"{user}-{strange}-{ends is None}"
        certificate, key = place.with_suffix(".pem"), place.with_suffix(".key")
        certificate.write_bytes(made.cert_chain_pems[0].bytes())
        key.touch(0o600)
        key.write_bytes(made.private_key_pem.bytes())
        return ClientCertificate(str(certificate), str(key))


@pytest.fixture(scope="module")
def people() -> Iterator[People]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # Dovecot runs as somebody else, and reads the authority
        yield People(Path(folder))


@pytest.fixture(scope="module")
def strict(people: People) -> Iterator[DovecotServer]:
    """Nobody comes in without a certificate, and it says who one is."""
    external = "plain external\npassdb {\n  driver = static\n  args = nopassword\n  mechanisms = external\n}"
    options = {
        "ssl_ca": f"<{people.ca_file}",
        "ssl_require_crl": "no",
        "ssl_verify_client_cert": "yes",
        "auth_ssl_require_client_cert": "yes",
        "auth_ssl_username_from_cert": "yes",
        "auth_mechanisms": external,
    }
    with DovecotServer(options) as server:
        yield server


async def until(true: Callable[[], bool], what: Callable[[], object] = lambda: "") -> None:
    try:
        async with asyncio.timeout(SECONDS):
            while not true():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(what()) from None


async def test_a_certificate_is_a_login_and_who_has_none_of_his_own_gets_nowhere(
    strict: DovecotServer, people: People, tmp_path: Path
) -> None:
    clock = Clock()
    resolver = Resolver(clock)
    connector = Connector(Egress(allow=(ip_network("127.0.0.0/8"), ip_network("::1/128"))), resolver)
    policy = TlsPolicy(strict.ca_file, SecretArena(lambda _: None))

    async def connect(target: ImapTarget, certificate: ClientCertificate | None = None, /) -> ImapConnection:
        return await open_connection(
            target, connector=connector, tls_policy=policy, clock=clock, certificate=certificate
        )

    opener = Opener(connect, os.urandom, lambda fact: None)
    implicit = ImapTarget("localhost", strict.ports.imaps, Tls.IMPLICIT)
    starttls = ImapTarget("localhost", strict.ports.imap, Tls.STARTTLS)
    alice, bob = people.certificate("alice"), people.certificate("bob")
    stranger = people.certificate("alice", strange=True)
    over = people.certificate("alice", ends=datetime.now(UTC) - timedelta(days=1))

    async def come(credentials: Credentials, target: ImapTarget = implicit) -> str:
        """How: the mechanism, or what kept one out."""
        try:
            session = await opener.open(Account(AccountId("acc_a"), target, "alice"), credentials)
        except LoginFailed as failure:
            return f"{failure.fault.code}: {failure.fault.detail}"
        await session.logout()
        return strict.logins()["alice"]

    def show(certificate: ClientCertificate, password: str = "", *, names_user: bool = True) -> Credentials:
        return CertificateCredentials(certificate, Secret(password) if password else None, names_user)

    try:
        for target in (implicit, starttls):
            assert await come(show(alice), target) == "EXTERNAL"
            assert await come(show(alice, names_user=False), target) == "EXTERNAL"
            assert await come(show(alice, "apass"), target) == "PLAIN"
        for refused in (
            PasswordCredentials(Secret("apass")),
            show(alice, "wrong"),
            show(bob),
            show(stranger),
            show(over),
            show(stranger, "apass"),
        ):
            told = await come(refused)
            assert told.split(":")[0] in ("authentication-failed", "tls-failed"), told
        mismatched = ClientCertificate(alice.certificate, bob.key)
        assert "is not its key" in await come(show(mismatched))
        assert "tls-failed: TLS failed (own-certificate)" in await come(show(ClientCertificate("/none.pem", alice.key)))
    finally:
        await resolver.close()


def declared(server: DovecotServer, certificate: ClientCertificate, more: str = "") -> str:
    return (
        f'\n[[watch]]\nurl = "imaps://alice@localhost:{server.ports.imaps}"\n'
        f'client_certificate = "{certificate.certificate}"\nclient_key = "{certificate.key}"\n{more}\n'
    )


async def test_an_account_of_the_operator_is_parked_comes_back_and_follows_its_files(
    strict: DovecotServer, people: People, tmp_path: Path
) -> None:
    """No password is anywhere. The certificate that lies there at the next login is the one that is shown."""
    alice = people.certificate("alice", ends=datetime.now(UTC) + timedelta(days=3))
    config = tmp_path / "idlebell.toml"
    config.write_text(
        f'[imap]\nca_file = "{strict.ca_file}"\npark_after_seconds = 0.1\n[network]\nallow = ["127.0.0.0/8", "::1/128"]\n'
        + declared(strict, alice, 'exec = "true"')
    )
    settings = load(config, {})
    accounts = [replace(one, command="", terminal=True) for one in declared_accounts(settings)]
    lines: list[str] = []
    facts: list[Fact] = []
    store = MemoryStore(os.urandom)

    def opened() -> int:
        return (strict.sandbox.folder / "dovecot.log").read_text("utf-8", "replace").count("method=EXTERNAL")

    async with running_engine(settings, store, facts.append, declared=accounts, on_line=lines.append) as engine:
        (ends,) = [fact for fact in facts if isinstance(fact, ClientCertificateEnds)]
        assert ends.file == alice.certificate
        await until(lambda: engine.fleet.parked() == 1, lambda: facts)
        await asyncio.to_thread(strict.deliver, "alice", mail.make(subject="under a certificate"))
        await until(lambda: any("under a certificate" in line for line in lines), lambda: (lines, facts))
        await until(lambda: engine.fleet.parked() == 1, lambda: facts)
        before = opened()
        strict.kick("alice")
        await until(lambda: opened() == before + 1, lambda: facts[-5:])
        await until(lambda: engine.fleet.parked() == 1, lambda: facts[-5:])
        bob = people.certificate("bob")
        shutil.copyfile(bob.certificate, alice.certificate)
        shutil.copyfile(bob.key, alice.key)
        strict.kick("alice")
        await until(lambda: any(isinstance(fact, LoginFailedFact) for fact in facts), lambda: facts[-5:])
        refused = next(fact for fact in facts if isinstance(fact, LoginFailedFact))
        assert refused.code == "authentication-failed"
        assert "client certificate" in refused.detail
    await store.close()


async def test_the_door_reads_the_files_where_it_is_a_process(
    strict: DovecotServer, people: People, tmp_path: Path
) -> None:
    alice, out = people.certificate("alice"), tmp_path / "out"
    gateway = GatewayProcess(tmp_path, strict.ca_file, more='[credentials]\ndoor = "process"')
    gateway.add_to_config(declared(strict, alice, f"exec = 'echo \"$IDLEBELL_SUBJECT\" >> {out}'"))
    async with gateway:
        await until(lambda: "watch_started" in gateway.log.read_text(), gateway.log.read_text)
        await asyncio.to_thread(strict.deliver, "alice", mail.make(subject="by the door"))
        await until(lambda: out.exists() and "by the door" in out.read_text(), gateway.log.read_text)


def test_check_logs_in_by_a_certificate_and_names_no_password(
    strict: DovecotServer, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = people.certificate("alice")
    monkeypatch.setenv("IDLEBELL_IMAP__CA_FILE", str(strict.ca_file))
    monkeypatch.setenv("IDLEBELL_NETWORK__ALLOW", '["127.0.0.0/8", "::1/128"]')
    url = f"imaps://alice@localhost:{strict.ports.imaps}"
    files = ["--client-certificate", alice.certificate, "--client-key", alice.key]
    found = CliRunner().invoke(main, ["check", url, *files])
    assert found.exit_code == 0, found.output
    assert "Would be watched by: IDLE; several mailboxes by NOTIFY" in found.output
