"""What ``idlebell check`` says of an address, of a server, and of ourselves."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import trustme

from idlebell.cli import outbound, reach
from idlebell.cli.failure import Failure
from idlebell.config.settings import Imap, NetworkAccess, Settings
from idlebell.model.secret import Secret
from idlebell.model.trust import AUTHORITIES, Trust, read_pins
from idlebell.net.dns import Resolver
from idlebell.testing.imap_server import Habits, ImapServer
from name_server import NameServer, serving_names


@dataclass
class Stage:
    """A domain with a mail server, and what is printed."""

    names: NameServer
    server: ImapServer
    settings: Settings
    said: list[str] = field(default_factory=list)

    async def check(self, address: str, password: str | None = None, trust: Trust = AUTHORITIES) -> str:
        source = None if password is None else lambda: Secret(password)
        await reach.report_address(self.settings, address, source, self.said.append, trust)
        return "\n".join(self.said)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("mail.example.test", "mail.example.net").configure_cert(context)
    settings = Settings(
        imap=Imap(ca_file=tmp_path / "ca.pem", support_url="mailto:ops@example.test"),
        network=NetworkAccess(allow=(ip_network("127.0.0.0/8"),)),
    )
    habits = Habits(tls_context=context, greeting="Courier-IMAP ready.")
    async with ImapServer(habits=habits) as server, serving_names() as names:
        server.add_user("alice@example.test", "secret")
        for module in (reach, outbound):  # a machine's own name servers are not to be asked by a test
            monkeypatch.setattr(module, "Resolver", lambda clock: Resolver(clock, [names.address]))
        for host in ("mail.example.test", "mail.example.net"):
            names.records[host] = (60, ["127.0.0.1"])
        yield Stage(names, server, settings)


async def test_the_server_of_an_address_is_found_and_asked(stage: Stage) -> None:
    stage.names.others["_imaps._tcp.example.test", "SRV"] = [f"0 1 {stage.server.tls_port} mail.example.test."]
    said = await stage.check("alice@example.test")
    target = f"mail.example.test:{stage.server.tls_port}"
    assert f"Found {target}, TLS from the first byte, by DNS (SRV): _imaps._tcp.example.test\n" in said
    assert f"{target}: connected" in said
    assert "Before login: " in said
    assert "Quirk no-uidnext: " in said, "recognised by the greeting"
    assert stage.server.logins == []


async def test_with_a_password_it_is_asked_as_its_user(stage: Stage) -> None:
    stage.names.others["_imaps._tcp.example.test", "SRV"] = [f"0 1 {stage.server.tls_port} mail.example.test."]
    said = await stage.check("alice@example.test", "secret")
    assert "After login: " in said
    assert "Would be watched by: IDLE" in said
    assert "secret" not in said


async def test_a_refused_password_is_told_in_sentences(stage: Stage) -> None:
    stage.names.others["_imaps._tcp.example.test", "SRV"] = [f"0 1 {stage.server.tls_port} mail.example.test."]
    with pytest.raises(Failure, match=r"[a-z]\. Check user name and password"):
        await stage.check("alice@example.test", "wrong")


async def test_of_an_unknown_authority_it_is_told_where_to_name_it(stage: Stage) -> None:
    stage.names.others["_imaps._tcp.example.test", "SRV"] = [f"0 1 {stage.server.tls_port} mail.example.test."]
    stage.settings = Settings(network=stage.settings.network)
    with pytest.raises(Failure, match=r"unknown-authority.*named in imap\.ca_file.*tls_pin_sha256"):
        await stage.check("alice@example.test")


async def test_the_key_that_it_tells_can_be_pinned_instead_of_an_authority(stage: Stage) -> None:
    """P7: by the very words that it printed, and no other key passes for it."""
    stage.names.others["_imaps._tcp.example.test", "SRV"] = [f"0 1 {stage.server.tls_port} mail.example.test."]
    told = (await stage.check("alice@example.test")).partition("Its key, for tls_pin_sha256: ")[2].split("\n")[0]
    stage.settings = Settings(network=stage.settings.network)
    stage.said.clear()
    assert "After login: " in await stage.check("alice@example.test", "secret", read_pins([told, "0" * 64]))
    with pytest.raises(Failure, match=r"other-key.*Ask the server's operator"):
        await stage.check("alice@example.test", "secret", read_pins("0" * 64))
    assert stage.server.logins == ["alice@example.test"]


async def test_no_password_goes_to_a_server_elsewhere(stage: Stage) -> None:
    stage.names.others["_imaps._tcp.example.test", "SRV"] = [f"0 1 {stage.server.tls_port} mail.example.net."]
    assert "not in the domain, so an app has to name it" in await stage.check("alice@example.test")
    with pytest.raises(Failure, match=r"imaps://alice@example\.test@mail\.example\.net"):
        await stage.check("alice@example.test", "secret")
    assert stage.server.logins == []


async def test_a_provider_without_imap_is_told_with_its_page(stage: Stage) -> None:
    with pytest.raises(Failure, match=r"Proton: .*Bridge.*https://proton\.me/"):
        await stage.check("alice@proton.me")


async def test_an_address_that_leads_nowhere_is_told_with_the_mend(stage: Stage) -> None:
    with pytest.raises(Failure, match=r"no IMAP server was found for nowhere\.test.*imaps://alice@nowhere\.test@HOST"):
        await stage.check("alice@nowhere.test")
    with pytest.raises(Failure, match="no mail address"):
        await stage.check("alice@localhost")


def test_of_a_known_provider_it_is_told_what_one_needs() -> None:
    said: list[str] = []
    reach._tell_known("imap.zoho.eu", "", frozenset(), said.append)
    told = "\n".join(said)
    assert "Provider: Zoho Mail, Europe" in told
    assert "https://accounts.zoho.eu/home#security/app_password" in told
    assert "  IMAP: Settings, Mail Accounts, IMAP. https://" in told
    assert "  plans: Free plans" in told
    assert "it bears about 3 of an account (reported); Idlebell takes 1" in told
    reach._tell_known("mail.example.org", "", frozenset(), said.append)
    assert "\n".join(said) == told


@pytest.mark.parametrize(
    ("capabilities", "told"),
    [
        ({"IDLE", "NOTIFY"}, "IDLE; several mailboxes by NOTIFY over the same session"),
        (
            {"IDLE"},
            "IDLE; several mailboxes by IDLE in up to 3 sessions and STATUS of the others, for the server has no NOTIFY",
        ),
        (set(), "polling every 60 s, for the server has no IDLE"),
    ],
)
def test_how_it_would_be_watched_is_what_the_strategy_says(capabilities: set[str], told: str) -> None:
    assert reach.way(capabilities.__contains__, 3, 60) == told


async def test_what_providers_see_of_us_is_printed(stage: Stage) -> None:
    addresses = ("93.184.216.34", "93.184.216.35", "93.184.216.36", "127.0.0.1")
    stage.names.others["34.216.184.93.in-addr.arpa", "PTR"] = ["push.example.test."]
    stage.names.others["35.216.184.93.in-addr.arpa", "PTR"] = ["other.example.test."]
    stage.names.records["push.example.test"] = (60, ["93.184.216.34"])
    own = Imap(
        source_addresses=tuple(map(ip_address, addresses)),
        support_url="https://example.test/imap",
        per_host_connect_rate=20,
    )
    await outbound.report(Settings(imap=own), stage.said.append)
    said = "\n".join(stage.said)
    assert "  93.184.216.34  push.example.test\n" in said
    assert "  93.184.216.35  other.example.test, which does not lead back to the address" in said
    assert "  93.184.216.36  no reverse name" in said
    assert "  127.0.0.1  not public" in said
    foreign = "93.184.216.34, 93.184.216.35, 93.184.216.36"
    assert f"  NOT of this machine, so nothing can be sent from them: {foreign}\n" in said
    assert "  support-url: https://example.test/imap" in said
    rows = {line[:32].strip(): line[32:].split() for line in stage.said}
    assert rows["Gmail, Google Workspace"] == ["4", "15", "10"]
    assert rows["any other server"] == ["3", "?", "20"]


async def test_without_a_support_url_the_operator_is_told_to_set_one(stage: Stage) -> None:
    await outbound.report(Settings(), stage.said.append)
    assert "set imap.support_url" in "\n".join(stage.said)
    assert stage.said[0] == "Outbound addresses (as the system chooses):"
    assert any(line.startswith("any other server") and line.endswith("no bound") for line in stage.said)
