"""The manual's page of providers is made from the table. Set IDLEBELL_RECORD_GOLDEN=1 to write it again on purpose."""

from __future__ import annotations

import os
from pathlib import Path

from idlebell.discover.provider import DEFAULT_SESSIONS, Known, Provider
from idlebell.discover.providers import PROVIDERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "providers.md"

HEAD = f"""\
# Providers

What Idlebell knows of the large mail providers. It uses it where `imap.host` is left out, where a login is refused (the
answer says where to mend it), and to keep to few sessions and logins; `idlebell check USER@DOMAIN` prints what concerns an
address, and [for providers](../explanation/for-providers.md) says the same from their side.

"Sessions" is how many of one account Idlebell takes at most, "of" how many the provider bears (d: documented, r: reported by
users and makers of mail programs, m: measured), "a second" how many logins a second it keeps to, where that is less than
`imap.per_host_connect_rate`. At a server that stands here nowhere it takes {DEFAULT_SESSIONS}. How IDLE is cycled starts at 9
minutes everywhere and is learnt for each server.

| provider | addresses | server | as password | switched on | sessions | of | a second |
|---|---|---|---|---|---|---|---|
"""

NOTES = """
## Worth knowing

What servers do otherwise than the RFCs say is on the page of [quirks](quirks.md).

"""


def figure(known: Known | None) -> str:
    return "" if known is None else f"{known.value} {known.evidence.value[0]}"


def row(one: Provider) -> str:
    servers = "<br>".join(f"`{target}`" for target in one.servers) or "none"
    switch = f"[{one.switch_on}]({one.switch_page})" if one.switch_on else ""
    rate = "" if one.connect_rate is None else f"{one.connect_rate:g}"
    taken = str(one.sessions_taken) if one.servers else ""
    addresses = ", ".join(one.domains)
    cells = (
        one.name,
        addresses,
        servers,
        f"[{one.login.value}]({one.page})",
        switch,
        taken,
        figure(one.sessions),
        rate,
    )
    return f"| {' | '.join(cells)} |\n"


def notes(one: Provider) -> str:
    said = [*([one.without_imap] if one.without_imap else []), *one.notes]
    return "".join(f"- **{one.name}**: {' '.join(said)}\n" for _ in said[:1])


def spelled() -> str:
    rows = "".join(row(one) for one in PROVIDERS)
    told = "".join(notes(one) for one in PROVIDERS)
    return HEAD + rows + NOTES + told


def test_the_page_of_providers_is_the_table() -> None:
    if os.environ.get("IDLEBELL_RECORD_GOLDEN") == "1":
        PAGE.write_text(spelled())
    assert PAGE.read_text() == spelled()
