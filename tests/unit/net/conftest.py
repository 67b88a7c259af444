"""Servers that end with their test, and certificates made for the occasion."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from net_peers import LOOPBACK, FakeResolver, Peer, Serve, Served, serving

from idlebell.net.connector import Connector
from idlebell.net.deadlines import Deadlines
from idlebell.net.http_client import HttpClient
from idlebell.net.tls_policy import TlsPolicy


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers that end with the test."""
    async with AsyncExitStack() as stack:

        async def start(handler: Callable[[Peer], Awaitable[None]], *args: Any, **kwargs: Any) -> Served:
            return await stack.enter_async_context(serving(handler, *args, **kwargs))

        yield start


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def policy(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> TlsPolicy:
    """Trusts ``ca``."""
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return TlsPolicy(path)


@pytest.fixture(scope="session")
def server_tls(ca: trustme.CA) -> ssl.SSLContext:
    """For ``mail.test``, ``localhost`` and 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("mail.test", "localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def resolver() -> FakeResolver:
    return FakeResolver(mail_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])


@pytest.fixture
def connector(resolver: FakeResolver) -> Connector:
    return Connector(LOOPBACK, resolver)


@pytest.fixture
def hasty() -> Deadlines:
    """Deadlines that a test can wait for."""
    return Deadlines(2.0, 0.2, 0.2, 0.3, 0.2, 0.2)


@pytest.fixture
async def client(resolver: FakeResolver, policy: TlsPolicy) -> AsyncIterator[HttpClient]:
    client = HttpClient(LOOPBACK, resolver, policy)
    yield client
    await client.close()
