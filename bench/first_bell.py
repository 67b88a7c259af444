"""From a real Dovecot's delivery to the ring: one mail a second, three kinds of endpoint, the gateway in a process of its own.

    python bench/first_bell.py [--mails 300]

For each kind: how many notifications came, whether each came once, and the time from the moment when LMTP had taken the mail
to the moment when the endpoint had the notification (decrypted, verified). Dovecot itself tells of new mail only after a fixed
half second; the same mails are therefore watched by a bare ``IMAPClient`` in IDLE too, and what is left after it is ours.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers import packages
from servers.dovecot_server import DovecotServer, why_not_dovecot

EVERY_SECONDS = 1.0


class Peer(threading.Thread):
    """An independent client in IDLE on the same mailbox: when the server says EXISTS."""

    def __init__(self, server: DovecotServer, name: str, password: str) -> None:
        super().__init__(daemon=True)
        self.heard: list[float] = []
        self.stopping = threading.Event()
        self._client = IMAPClient("localhost", server.ports.imaps, ssl_context=server.client_context())
        self._client.login(name, password)
        self._client.select_folder("INBOX", readonly=True)

    def run(self) -> None:
        self._client.idle()
        while not self.stopping.is_set():
            for response in self._client.idle_check(timeout=1):
                if len(response) == 2 and response[1] == b"EXISTS":
                    self.heard.append(time.time())
        self._client.idle_done()
        self._client.logout()


def told(name: str, delays: list[float], mails: int) -> None:
    cuts = statistics.quantiles(delays, n=100)
    print(
        f"{name:<24} {len(delays):>5} of {mails}   p50 {cuts[49] * 1000:7.1f} ms   p99 {cuts[98] * 1000:7.1f} ms"
        f"   longest {max(delays) * 1000:7.1f} ms"
    )


async def measure(mails: int) -> None:
    with DovecotServer() as server, tempfile.TemporaryDirectory() as folder:
        user = server.add_user()
        async with PushService() as service, GatewayProcess(Path(folder), server.ca_file, level="warning") as gateway:
            kinds: dict[str, dict[str, Any]] = {
                "simple": {
                    "new_mail": service.make_simplepush("simple"),
                    "reconnect": service.make_simplepush("reconnect"),
                },
                "web": {"new_mail": service.make_webpush_subscription("web")},
                "hook": {"new_mail": service.make_webhook("hook")},
            }
            for name, endpoints in kinds.items():
                payload = "alert" if name == "simple" else "summary"
                body = subscription(server.ports.imaps, user.name, user.password, endpoints, payload=payload)
                status, answer = await gateway.call("POST", "/v1/subscriptions", body)
                assert status == 201, answer
            peer = Peer(server, user.name, user.password)
            peer.start()
            delivered: list[float] = []
            next_at = time.monotonic()
            for number in range(mails):
                next_at += EVERY_SECONDS
                await asyncio.sleep(max(0.0, next_at - time.monotonic()))
                await asyncio.to_thread(server.deliver, user.name, mail.make(subject=f"mail {number}"))
                delivered.append(time.time())
                if number % 30 == 29:
                    print(f"  {number + 1} mails delivered", file=sys.stderr)
            for name in kinds:
                await service.wait_for(mails + (1 if name == "hook" else 0), 30, name=name)
            peer.stopping.set()
            await asyncio.to_thread(peer.join, 5)

            print(f"{mails} mails, one a second, Dovecot 2.3 over TLS; from LMTP's OK to the endpoint")
            told(
                "IMAPClient hears EXISTS", [heard - at for heard, at in zip(peer.heard, delivered, strict=False)], mails
            )
            for name in kinds:
                bells = [one for one in service.of(name) if one.type in (None, "new_mail")]
                told(bells[0].kind, [one.at.timestamp() - at for one, at in zip(bells, delivered, strict=True)], mails)
                assert len({one.version for one in bells}) == mails, "a notification came twice"
                if bells[0].payload is not None:
                    uids = [message["uid"] for one in bells if one.payload for message in one.payload["messages"]]
                    assert uids == list(range(1, mails + 1)), "not each message once, in order"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=300)
    options = parser.parse_args()
    if (reason := why_not_dovecot()) is not None or packages.find("dovecot") is None:
        sys.exit(f"this needs Dovecot: {reason or 'run ./run test once, it fetches it'}")
    asyncio.run(measure(options.mails))


if __name__ == "__main__":
    main()
