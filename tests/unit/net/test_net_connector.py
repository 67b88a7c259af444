"""Dialling: which address, under which rules, with which options."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address, ip_network

import pytest
from net_peers import LOOPBACK, FakeResolver

from idlebell.net.connector import KEEP_ALIVE, Connector, KeepAlive
from idlebell.net.egress import Egress, Purpose
from idlebell.net.errors import Unreachable


async def hold(peer):
    await peer.rest()


@pytest.fixture
async def dialled(monkeypatch):
    """Every address that the loop was asked to connect to."""
    addresses: list[str] = []
    kind = type(asyncio.get_running_loop())
    real = kind.sock_connect

    async def sock_connect(self, sock, address):
        addresses.append(address[0])
        return await real(self, sock, address)

    monkeypatch.setattr(kind, "sock_connect", sock_connect)
    return addresses


async def test_a_socket_is_non_blocking_and_guards_itself_against_silence(serve, connector):
    """F3: three probes, 40, 55 and 70 s after the last word of the peer, and the end 15 s later."""
    served = await serve(hold)
    with await connector.connect("mail.test", served.port, Purpose.IMAP, timeout_seconds=5) as sock:
        assert sock.gettimeout() == 0
        tcp = socket.IPPROTO_TCP
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(tcp, socket.TCP_KEEPIDLE) == 40
        assert sock.getsockopt(tcp, socket.TCP_KEEPINTVL) == 15
        assert sock.getsockopt(tcp, socket.TCP_KEEPCNT) == 3
        assert sock.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == 80_000
        assert sock.getsockopt(tcp, socket.TCP_NODELAY) == 1


@pytest.mark.parametrize("keep_alive", [KEEP_ALIVE, KeepAlive(1, 1, 2), KeepAlive(60, 10, 1), KeepAlive(1, 5, 9)])
def test_a_peer_is_given_up_after_the_last_probe_and_before_the_next(keep_alive):
    """Linux sends a probe, or gives up where the time-out has passed by then."""
    timeout = keep_alive.user_timeout_milliseconds / 1_000
    last = keep_alive.idle_seconds + keep_alive.interval_seconds * (keep_alive.probes - 1)
    assert last < timeout < keep_alive.noticed_seconds
    assert timeout > keep_alive.idle_seconds


def test_a_cut_cable_is_noticed_within_60_to_90_seconds():
    assert 60 <= KEEP_ALIVE.noticed_seconds <= 90


async def test_a_name_whose_answer_turns_to_loopback_is_never_dialled_there(dialled):
    """S3: the answer is checked at every dial, and no second look-up happens in between."""
    resolver = FakeResolver(rebind_test=[["127.0.0.9"], ["127.0.0.1"]])
    connector = Connector(Egress(allow=(ip_network("127.0.0.9/32"),)), resolver)
    for _ in range(2):
        with pytest.raises(Unreachable):
            await connector.connect("rebind.test", 993, Purpose.IMAP, timeout_seconds=0.1)
    assert resolver.asked == ["rebind.test"] * 2
    assert dialled == ["127.0.0.9"]


async def test_of_a_mixed_answer_only_the_allowed_addresses_are_dialled(serve, dialled):
    served = await serve(hold)
    connector = Connector(LOOPBACK, FakeResolver(mixed_test=[["169.254.169.254", "10.0.0.1", "127.0.0.1"]]))
    with await connector.connect("mixed.test", served.port, Purpose.IMAP, timeout_seconds=5):
        pass
    assert dialled == ["127.0.0.1"]
    assert connector.refused_addresses == 2


async def test_a_dead_first_address_leaves_time_for_the_second(serve):
    served = await serve(hold)
    # 127.0.0.2 refuses: nothing listens there.
    connector = Connector(LOOPBACK, FakeResolver(two_test=[["127.0.0.2", "127.0.0.1"]]))
    with await connector.connect("two.test", served.port, Purpose.IMAP, timeout_seconds=5) as sock:
        assert sock.getpeername()[0] == "127.0.0.1"


async def test_a_silent_first_address_has_its_share_of_the_deadline_only(serve):
    """A listener whose backlog is full never answers the SYN."""
    served = await serve(hold)
    with socket.socket() as full:
        full.bind(("127.0.0.2", served.port))
        full.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.2", served.port))
            fillers.append(filler)
        connector = Connector(LOOPBACK, FakeResolver(two_test=[["127.0.0.2", "127.0.0.1"]]))
        with await connector.connect("two.test", served.port, Purpose.IMAP, timeout_seconds=1) as sock:
            assert sock.getpeername()[0] == "127.0.0.1"
        with pytest.raises(Unreachable) as caught:
            await Connector(LOOPBACK, FakeResolver(one_test=[["127.0.0.2"]])).connect(
                "one.test", served.port, Purpose.IMAP, timeout_seconds=0.1
            )
        assert caught.value.reason == "timeout"
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    ("host", "egress", "reason"),
    [
        ("127.0.0.1", LOOPBACK, "refused"),
        ("127.0.0.1", Egress(), "not-allowed"),
        ("nowhere.test", LOOPBACK, "no-such-name"),
        ("mail.test", Egress(only_hosts=frozenset({"imap.test"})), "not-allowed"),
    ],
)
async def test_every_way_to_fail_is_unreachable_with_a_private_reason(host, egress, reason):
    """S8: what differs is for the operator only."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        connector = Connector(egress, FakeResolver(mail_test=[["127.0.0.1"]]))
        with pytest.raises(Unreachable) as caught:
            await connector.connect(host, taken.getsockname()[1], Purpose.IMAP, timeout_seconds=5)
    assert caught.value.reason == reason


async def test_source_addresses_take_turns(serve):
    served = await serve(hold)
    sources = [ip_address("127.0.0.5"), ip_address("127.0.0.6")]
    connector = Connector(LOOPBACK, FakeResolver(mail_test=[["127.0.0.1"]]), source_addresses=sources)
    used = []
    for _ in range(3):
        with await connector.connect("mail.test", served.port, Purpose.IMAP, timeout_seconds=5) as sock:
            used.append(sock.getsockname()[0])
    assert used == ["127.0.0.5", "127.0.0.6", "127.0.0.5"]


async def test_a_source_address_that_is_gone_is_passed_over_and_named_where_none_is_left(serve):
    served = await serve(hold)
    gone = ip_address("192.0.2.7")

    async def dial(*sources):
        resolver = FakeResolver(mail_test=[["127.0.0.1"]])
        connector = Connector(LOOPBACK, resolver, source_addresses=[*map(ip_address, sources)])
        with await connector.connect("mail.test", served.port, Purpose.IMAP, timeout_seconds=5) as sock:
            return sock.getsockname()[0]

    assert await dial(gone, "127.0.0.5") == "127.0.0.5"
    with pytest.raises(Unreachable) as caught:
        await dial(gone)
    assert caught.value.reason == "no-source"
    assert "192.0.2.7 is no address of this machine" in caught.value.detail
    assert await dial("::1") == "127.0.0.1", "of the other family: the system chooses"


async def test_a_server_that_refuses_is_not_asked_again_from_another_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        sources = [ip_address("127.0.0.5"), ip_address("127.0.0.6")]
        connector = Connector(LOOPBACK, FakeResolver(mail_test=[["127.0.0.1"]]), source_addresses=sources)
        with pytest.raises(Unreachable) as caught:
            await connector.connect("mail.test", taken.getsockname()[1], Purpose.IMAP, timeout_seconds=5)
    assert caught.value.reason == "refused"


async def test_a_cancelled_dial_leaves_no_socket_open(serve):
    resolver = FakeResolver(mail_test=[["127.0.0.1"]])
    connector = Connector(LOOPBACK, resolver)
    served = await serve(hold)
    task = asyncio.ensure_future(connector.connect("mail.test", served.port, Purpose.IMAP, timeout_seconds=5))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task  # an open socket would be a ResourceWarning, which is an error here
