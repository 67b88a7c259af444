"""Accounts of the configuration file: subscribed without a call, and gone with their entry."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.gateway_bench import Bench
from idlebell.gateway.declared import Declared, DeclaredAccount, RefreshTokenFile, read_password
from idlebell.gateway.policy import Offered, Policy
from idlebell.login import password_source
from idlebell.login.authorization import OAuthClient
from idlebell.login.password_source import NoPassword
from idlebell.model.account import (
    Account,
    CertificateCredentials,
    ClientCertificate,
    CommandedCredentials,
    FiledCredentials,
    ImapTarget,
    PasswordCredentials,
    RenewableCredentials,
    Tls,
)
from idlebell.model.endpoint import (
    AppriseEndpoint,
    CanaryEndpoint,
    CommandEndpoint,
    PushUrl,
    SimplePushEndpoint,
    WebhookEndpoint,
)
from idlebell.model.ids import AccountId
from idlebell.model.proof import PROVEN
from idlebell.model.secret import Secret
from idlebell.model.subscription import Payload

HOOK = PushUrl("https://hook.example.net/x")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()


@pytest.fixture
def account(tmp_path: Path) -> DeclaredAccount:
    file = tmp_path / "password"
    file.write_text("hunter2\nand a comment\n")
    target = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)
    return DeclaredAccount(target, "alice", notify=(HOOK,), password_file=file)


async def passwords(bench: Bench) -> list[str]:
    found = []
    for one in await bench.stored():
        for subscription, credentials in bench.keyring.sets(one.account_id):
            assert isinstance(credentials, PasswordCredentials)
            if subscription == one.id:
                found.append(credentials.password.text())
    return found


async def test_an_entry_is_a_subscription_with_credentials(bench: Bench, account: DeclaredAccount) -> None:
    assert await Declared(bench.gateway).follow([account]) == ()
    (stored,) = await bench.stored()
    assert stored.declared
    assert stored.wanted
    assert isinstance(stored.endpoints.new_mail, WebhookEndpoint)
    assert stored.endpoints.new_mail.proof == PROVEN, "the operator's word is enough"
    assert await passwords(bench) == ["hunter2"]
    assert stored.token_hashes == ()


async def test_reading_again_changes_what_has_changed(bench: Bench, account: DeclaredAccount) -> None:
    following = Declared(bench.gateway)
    await following.follow([account])
    (before,) = await bench.stored()
    await following.follow([account])
    assert await bench.stored() == [before], "what is the same is left alone"
    assert account.password_file is not None
    account.password_file.write_text("new\n")
    await following.follow([replace(account, mailboxes=("Work",))])
    (after,) = await bench.stored()
    assert (after.id, after.mailboxes) == (before.id, ("Work",))
    assert await passwords(bench) == ["new"]


async def test_an_entry_has_a_filter_and_loses_it_with_the_file(bench: Bench, account: DeclaredAccount) -> None:
    following = Declared(bench.gateway)
    await following.follow([replace(account, filter='{"from":"boss"}')])
    assert [one.preferences.filter for one in await bench.stored()] == ['{"from":"boss"}']
    await following.follow([account])
    assert [one.preferences.filter for one in await bench.stored()] == [None]


async def test_an_entry_that_is_gone_ends_its_subscription_and_no_other(bench: Bench, account: DeclaredAccount) -> None:
    following = Declared(bench.gateway)
    await following.follow([account, replace(account, username="bob")])
    await bench.subscribe(username="carol")
    await following.follow([account])
    stored = await bench.stored()
    assert sorted(one.declared for one in stored) == [False, True]
    assert await passwords(bench) == ["hunter2"]


async def test_the_kind_of_an_endpoint_is_in_its_url(bench: Bench, account: DeclaredAccount) -> None:
    urls = (
        PushUrl("simplepush+https://push.example.net/a"),
        PushUrl("https://hook.example.net/y#whsec_" + "A" * 32),
        PushUrl("ntfys://ntfy.example.net/x"),
        PushUrl("https://hook.example.net/z#short"),
        PushUrl("https://127.1/"),
    )
    complaints = await Declared(bench.gateway).follow([replace(account, notify=urls, command="beep")])
    kinds = sorted(one.endpoints.new_mail.kind for one in await bench.stored() if one.endpoints.new_mail)
    assert kinds == ["command", "simplepush", "webhook"]
    assert len(complaints) == 3
    assert not any("whsec_A" in one or "/z" in one for one in complaints)
    by_kind = {type(one.endpoints.new_mail): one.endpoints.new_mail for one in await bench.stored()}
    assert set(by_kind) == {CommandEndpoint, SimplePushEndpoint, WebhookEndpoint}
    hook = by_kind[WebhookEndpoint]
    assert isinstance(hook, WebhookEndpoint)
    assert hook.secret.reveal() == bytes(24)


async def test_other_schemas_are_those_of_apprise_that_are_offered(account: DeclaredAccount) -> None:
    bench = Bench(Policy(offered=Offered(frozenset({"ntfys"}))))
    urls = (PushUrl("ntfys://ntfy.example.net/x"), PushUrl("tgram://1:secret/2"), PushUrl("ntfys:x"))
    complaints = await Declared(bench.gateway).follow([replace(account, notify=urls)])
    (stored,) = await bench.stored()
    assert stored.endpoints.new_mail == AppriseEndpoint(urls[0], PROVEN)
    assert stored.payload is Payload.SUMMARY
    assert len(complaints) == 2
    assert not any("secret" in one for one in complaints)
    await bench.close()


async def test_how_an_entry_stands_is_told_once_it_is_watched(bench: Bench, account: DeclaredAccount) -> None:
    following = Declared(bench.gateway)
    bird = replace(account, notify=(), canary=True)
    assert await following.standing(bird) is None
    await following.follow([bird])
    session = await bench.door.log_in(
        Account(AccountId("any"), bird.target, bird.username),
        PasswordCredentials(Secret("right")),
        deadline_seconds=1,
    )
    (stored,) = await bench.stored()
    bench.sessions.adopt(stored.account_id, session)
    bench.fleet.nudge(stored.account_id)
    found = await following.standing(bird, wait_seconds=10)
    assert found is not None
    assert (found.id, found.state) == (stored.id, "watching")
    assert isinstance(stored.endpoints.new_mail, CanaryEndpoint)
    assert await following.standing(replace(bird, canary=False)) is None


async def test_an_entry_that_tells_nobody_is_complained_about(bench: Bench, account: DeclaredAccount) -> None:
    (complaint,) = await Declared(bench.gateway).follow([replace(account, notify=())])
    assert "nobody would be told" in complaint
    assert await bench.stored() == []


async def test_without_a_password_the_rest_is_done(bench: Bench, account: DeclaredAccount) -> None:
    broken = replace(account, password_file=Path("/nowhere/password"))
    (complaint,) = await Declared(bench.gateway).follow([broken, replace(account, username="bob")])
    assert complaint.startswith("alice at imap.example.org:993: password_file cannot be read")
    assert len(await bench.stored()) == 2
    assert await passwords(bench) == ["hunter2"]


async def test_no_token_sees_a_declared_subscription(bench: Bench, account: DeclaredAccount) -> None:
    from idlebell.model.problem import ProblemError

    await Declared(bench.gateway).follow([account])
    (stored,) = await bench.stored()
    for caller in (await bench.key(), bench.bearing("ibs_x")):
        with pytest.raises(ProblemError) as caught:
            await bench.gateway.end(stored.id, caller)
        assert caught.value.problem.code == "not-found"


# passwords


def command(account: DeclaredAccount, program: str) -> DeclaredAccount:
    return replace(account, password_file=None, password_command=f"{sys.executable} -c '{program}'")


async def test_the_first_line_that_a_command_prints_is_the_password(account: DeclaredAccount) -> None:
    secret = await read_password(command(account, 'print("p w\\nmore")'))
    assert secret.text() == "p w"


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("raise SystemExit(3)", "status 3"),
        ("pass", "empty"),
        ("import sys; sys.stdout.buffer.write(bytes([255]))", "UTF-8"),
    ],
)
async def test_a_command_that_gives_none(account: DeclaredAccount, program: str, why: str) -> None:
    with pytest.raises(NoPassword, match=why):
        await read_password(command(account, program))


async def test_a_command_that_hangs_is_killed(account: DeclaredAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_source, "PASSWORD_SECONDS", 0.2)
    with pytest.raises(NoPassword, match="did not end"):
        await read_password(command(account, "import time; time.sleep(600)"))


@pytest.mark.parametrize("line", ["/nowhere/program", "'", ""])
async def test_a_command_that_is_none(account: DeclaredAccount, line: str) -> None:
    with pytest.raises(NoPassword):
        await read_password(replace(account, password_file=None, password_command=line))


async def test_what_is_renewed_is_there_once_and_goes_on_over_a_reload(
    bench: Bench, account: DeclaredAccount, tmp_path: Path
) -> None:
    """Two that used one refresh token would look like thieves to its provider."""
    file = tmp_path / "token"
    file.write_text("first\n")
    file.chmod(0o600)
    corp = OAuthClient("corp", "Corp", "idlebell", ("example.org",), secret=Secret("s3cret"))
    bench.gateway.means.sign_ins._registered["corp"] = corp
    other = PushUrl("https://hook.example.net/y")
    filed = replace(account, password_file=None, notify=(HOOK, other), refresh_token=RefreshTokenFile(file, "corp"))
    commanded = replace(
        account, username="bob", password_file=None, notify=(HOOK, other), token_command="print-a-token"
    )
    following = Declared(bench.gateway)

    def held() -> list[RenewableCredentials]:
        found = [own for *_, own in bench.keyring.all() if isinstance(own, RenewableCredentials)]
        return sorted(found, key=lambda own: isinstance(own, CommandedCredentials))

    assert await following.follow([filed, commanded]) == ()
    one, two = held()
    assert isinstance(one, FiledCredentials)
    assert isinstance(two, CommandedCredentials)
    assert len(await bench.stored()) == 4
    assert (one.refresh_token.text(), one.client_id, one.client_secret) == ("first", "idlebell", Secret("s3cret"))
    assert await following.follow([filed, commanded]) == ()
    assert held() == [one, two]
    turned = [replace(entry, notify=(other, HOOK)) for entry in (filed, commanded)]
    assert await following.follow(turned) == ()
    assert held() == [one, two], "whichever endpoint stands first"
    one.expect(Secret("second"))  # as its renewal does: then the file has it, then what is held
    for step in (
        lambda: None,
        lambda: file.write_text("second\n"),
        lambda: one.take(Secret("access"), Secret("second"), now=0.0, renew_at=1.0, ends_at=1.0),
        lambda: file.write_text("first\n"),  # it had been read before that
    ):
        step()
        assert await following.follow([filed, commanded]) == ()
        assert held() == [one, two]
    file.write_text("another\n")
    another = replace(commanded, token_command="another", notify=(other, HOOK))
    assert await following.follow([filed, another]) == ()
    assert [own.refresh_token.text() for own in held()] == ["another", "another"]
    assert one.wiped
    assert two.wiped
    file.chmod(0o644)
    (complaint,) = await following.follow([filed])
    assert "is open to others than its owner" in complaint
    (complaint,) = await following.follow([replace(filed, refresh_token=RefreshTokenFile(file, "nobody"))])
    assert "there is no [oauth.nobody]" in complaint


async def test_a_certificate_needs_no_password_and_goes_beside_one(bench: Bench, account: DeclaredAccount) -> None:
    files = ClientCertificate("alice.pem", "alice.key")
    alone = replace(account, password_file=None, certificate=files, names_user=False)
    assert await Declared(bench.gateway).follow([alone, replace(account, username="bob", certificate=files)]) == ()
    found = {str(own.password and own.password.text()): own for *_, own in bench.keyring.all()}  # type: ignore[union-attr]
    assert {type(own) for own in found.values()} == {CertificateCredentials}
    assert found["None"] == CertificateCredentials(files, None, names_user=False)
    assert set(found) == {"None", "hunter2"}


def test_an_entry_shows_no_command(account: DeclaredAccount) -> None:
    shown = repr(
        replace(
            account, command="curl https://token@x", password_command="echo hunter2", token_command="echo secret-token"
        )
    )
    assert "//token" not in shown
    assert "secret-token" not in shown
    assert "hunter2" not in shown
