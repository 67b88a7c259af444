"""The door through which every login goes, as the gateway has it, for whoever wants to deceive it."""

from __future__ import annotations

import os
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from false_servers import PASSWORD, USERNAME
from forged import NAME

from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import LoginFailed, Opener
from idlebell.model.account import Account, ImapTarget, PasswordCredentials, Tls
from idlebell.model.ids import AccountId
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.model.trust import AUTHORITIES, Trust
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.open_connection import open_connection
from idlebell.net.tls_policy import TlsPolicy


class Names(Resolver):
    async def resolve(self, host: str) -> Any:
        return (ip_address("127.0.0.1"),)

    resolve_or_recall = resolve


class Victim:
    """The door, as the gateway has it."""

    def __init__(self, ca_file: Path | None) -> None:
        self._clock = Clock()
        self._resolver = Names(self._clock)
        egress = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)
        connector = Connector(egress, self._resolver)
        connect = partial(open_connection, connector=connector, tls_policy=TlsPolicy(ca_file), clock=self._clock)
        opener = Opener(connect, os.urandom, lambda _: None)
        self._door = Door(opener.open, Keyring(), self._clock, os.urandom, lambda _: None)

    async def log_in(self, port: int, tls: Tls, host: str = NAME, trust: Trust = AUTHORITIES) -> Fault | None:
        account = Account(AccountId("acc_alice"), ImapTarget(host, port, tls, trust), USERNAME)
        credentials = PasswordCredentials(Secret(PASSWORD))
        try:
            session = await self._door.log_in(account, credentials, deadline_seconds=30)
        except LoginFailed as failure:
            return failure.fault
        session.close()
        return None

    async def close(self) -> None:
        await self._resolver.close()
