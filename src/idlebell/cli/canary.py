"""Tries ``[canary]`` once, without a gateway: what ``idlebell check --config FILE --canary`` does."""

from __future__ import annotations

import os
from collections.abc import Callable

from idlebell import compose
from idlebell.cli.failure import Failure
from idlebell.cli.passwords import password_source
from idlebell.cli.reach import report
from idlebell.config import Settings
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.canary import TOKEN_BYTES


async def try_canary(settings: Settings, say: Callable[[str], None]) -> None:
    """Logs in at the IMAP server, then hands one mail in. A Failure names what did not work."""
    given = settings.canary
    if given.account is None:
        raise Failure("[canary] account: is missing, so there is nothing to try")
    await report(settings, given.account, password_source(given.password_file, None), say, given.certificate)
    clock = Clock()
    resolver = Resolver(clock)
    try:
        connector = Connector(compose.egress_of(settings), resolver, source_addresses=settings.imap.source_addresses)
        post = compose.post_of(settings, connector, TlsPolicy(settings.imap.ca_file), clock)
        assert post is not None, "the configuration's rules want smtp beside account"
        fault = await post.hand_in(os.urandom(TOKEN_BYTES))
    finally:
        await resolver.close()
    if fault is not None:
        raise Failure(f"[canary] smtp: {given.smtp}: {fault}")
    say(f"{given.smtp}: took a mail to {given.address}")
