"""``idlebell check --providers``: what the staff of a provider see of this gateway, and what it keeps to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from idlebell.config import Settings
from idlebell.discover.provider import Known, Provider
from idlebell.discover.providers import DEFAULT_SESSIONS, PROVIDERS
from idlebell.login.identity import identity
from idlebell.net.addresses import Address, classify
from idlebell.net.clock import Clock
from idlebell.net.dns import Resolver
from idlebell.net.errors import Unreachable
from idlebell.net.outbound import foreign_addresses, system_addresses


async def report(settings: Settings, say: Callable[[str], None]) -> None:
    resolver = Resolver(Clock())
    try:
        own = settings.imap.source_addresses
        addresses = own or system_addresses()
        say(f"Outbound addresses ({'imap.source_addresses' if own else 'as the system chooses'}):")
        for address in addresses:
            say(f"  {address}  {await _described(address, resolver)}")
        if foreign := foreign_addresses(own):
            say(f"  NOT of this machine, so nothing can be sent from them: {', '.join(map(str, foreign))}")
        if not addresses:
            say("  none: the system has no way to the Internet")
    finally:
        await resolver.close()
    say("")
    say("What a mail server is told by ID after each login:")
    for name, value in identity(settings.imap.support_url):
        say(f"  {name}: {value}")
    if not settings.imap.support_url:
        say("  (nothing by which to reach you; set imap.support_url)")
    say("")
    say(f"{'provider':<32}{'sessions':>9}{'of':>5}  {'logins a second':<16}")
    for provider in PROVIDERS:
        if provider.servers:
            say(_row(provider.name, provider.sessions_taken, provider.sessions, _rate(settings, provider)))
    say(_row("any other server", DEFAULT_SESSIONS, None, _rate(settings, None)))
    say("")
    say("sessions: of one account, at most; of: what the provider is known to bear.")


async def _described(address: Address, resolver: Resolver) -> str:
    if not classify(address).public:
        return "not public: behind NAT, so a provider sees another address"
    try:
        name = await resolver.reverse_name(address)
    except Unreachable as error:
        return f"its reverse name could not be looked up ({error.reason})"
    if name is None:
        return "no reverse name: some providers distrust such addresses; ask for a PTR record"
    with suppress(Unreachable):
        if address in await resolver.resolve(name):
            return name
    return f"{name}, which does not lead back to the address"


def _rate(settings: Settings, provider: Provider | None) -> float:
    rates = [settings.imap.per_host_connect_rate, 0.0 if provider is None else provider.connect_rate or 0.0]
    return min((rate for rate in rates if rate), default=0.0)


def _row(name: str, taken: int, bears: Known | None, rate: float) -> str:
    return f"{name:<32}{taken:>9}{bears.value if bears else '?':>5}  {f'{rate:g}' if rate else 'no bound'}"
