"""Servers like Google's and Apple's, that check what they are sent: signatures, times, members, the bounds of their documents.

Nobody's live service was asked; what is checked is what the documentation asks for.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qs

import h2.config
import h2.connection
import h2.events
import h2.settings
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PROJECT = "idlebell-test"
EMAIL = "push@idlebell-test.iam.gserviceaccount.com"
TEAM, KEY_ID, TOPIC = "TEAM123456", "KEY1234567", "org.example.mail"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read_jwt(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, what is signed, the signature."""
    signed, _, signature = token.rpartition(".")
    header, claims = (json.loads(unbase64url(part)) for part in signed.split("."))
    return header, claims, signed.encode(), unbase64url(signature)


@dataclass
class GoogleServer:
    """Token service and FCM in one. ``answers``: what FCM says next, else 200; ``token_answers``: the same for tokens."""

    tls: ssl.SSLContext
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65_537, 2_048))
    answers: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    token_answers: list[tuple[int, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    bytes_taken: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_post(f"/v1/projects/{PROJECT}/messages:send", self._send)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def account_file(self) -> bytes:
        members = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "kid-1",
            "private_key": pem(self.key).decode(),
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }
        return json.dumps(members).encode()

    async def _token(self, request: web.Request) -> web.Response:
        if self.token_answers:
            status, body = self.token_answers.pop(0)
            return web.json_response(body, status=status)
        form = parse_qs((await request.read()).decode(), strict_parsing=True)
        header, claims, signed, signature = read_jwt(form["assertion"][0])
        self.key.public_key().verify(signature, signed, padding.PKCS1v15(), SHA256())
        now = datetime.now(UTC).timestamp()
        if form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            self.faults.append("grant_type")
        if header != {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}:
            self.faults.append(f"header {header}")
        if (
            claims["iss"] != EMAIL
            or claims["aud"] != f"{self.url}/token"
            or "firebase.messaging" not in claims["scope"]
        ):
            self.faults.append(f"claims {claims}")
        if not (abs(claims["iat"] - now) < 60 and 0 < claims["exp"] - claims["iat"] <= 3_600):
            self.faults.append(f"times {claims}")
        self.tokens.append(f"ya29.token-{len(self.tokens)}")
        return web.json_response({"access_token": self.tokens[-1], "expires_in": 3599, "token_type": "Bearer"})

    async def _send(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.tokens[-1] if self.tokens else ''}":
            return web.json_response({"error": {"code": 401, "status": "UNAUTHENTICATED"}}, status=401)
        if self.answers:
            status, headers, body = self.answers.pop(0)
            return web.json_response(body, status=status, headers=headers)
        body = await request.read()
        message = json.loads(body)["message"]
        data = message["data"]
        if not all(isinstance(value, str) for value in data.values()):
            self.faults.append("data of strings only")
        if sum(len(name) + len(value.encode()) for name, value in data.items()) > 4_096:
            self.faults.append("more than 4096 bytes")
        android = message["android"]
        if android["priority"] not in ("high", "normal") or not android["ttl"].endswith("s"):
            self.faults.append(f"android {android}")
        if not 0 <= int(android["ttl"][:-1]) <= 2_419_200:
            self.faults.append(f"ttl {android}")
        self.messages.append(message)
        self.bytes_taken.append(len(body))
        return web.json_response({"name": f"projects/{PROJECT}/messages/{len(self.messages)}"})


@dataclass
class AppleServer:
    """HTTP/2 by h2's server half, TLS with ALPN. ``answers``: (status, headers, body) that comes next, else 200, ``None``: the
    stream is reset; ``silent``: no answer; ``goes_away``: the next request is answered, and the connection ended after it."""

    tls: ssl.SSLContext
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    answers: list[tuple[int, dict[str, str], bytes] | None] = field(default_factory=list)
    streams: int = 100
    silent: bool = False
    goes_away: bool = False
    connections: int = 0
    at_once: int = 0
    pushes: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    port: int = 0
    hold: asyncio.Event | None = None

    async def __aenter__(self) -> Self:
        self.tls.set_alpn_protocols(["h2"])
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        conn.initiate_connection()
        conn.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.streams})
        asked: dict[int, tuple[dict[str, str], bytearray]] = {}
        try:
            writer.write(conn.data_to_send())
            while data := await reader.read(65_536):
                for event in conn.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        asked[event.stream_id] = (dict(event.headers), bytearray())
                        self.at_once = max(self.at_once, len(asked))
                    elif isinstance(event, h2.events.DataReceived):
                        asked[event.stream_id][1].extend(event.data)
                        conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.StreamEnded):
                        task = asyncio.ensure_future(self._answer(conn, writer, event.stream_id, asked))
                        self._tasks.add(task)
                        task.add_done_callback(self._tasks.discard)
                writer.write(conn.data_to_send())
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, conn: Any, writer: Any, stream: int, asked: dict[int, tuple[dict[str, str], bytearray]]
    ) -> None:
        if self.hold is not None:
            await self.hold.wait()
        headers, body = asked[stream]
        if self.silent:
            return
        answer = self.answers.pop(0) if self.answers else self._judge(headers, bytes(body))
        del asked[stream]
        if answer is None:
            conn.reset_stream(stream, 2)
        else:
            status, more, content = answer
            conn.send_headers(stream, [(":status", str(status)), *more.items()], end_stream=not content)
            for at in range(0, len(content), 16_000):
                conn.send_data(stream, content[at : at + 16_000], end_stream=at + 16_000 >= len(content))
        if self.goes_away:
            self.goes_away = False
            conn.close_connection()
        if not writer.is_closing():
            writer.write(conn.data_to_send())

    def _judge(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        header, claims, signed, signature = read_jwt(token)
        half = len(signature) // 2
        der = encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
        self.key.public_key().verify(der, signed, ec.ECDSA(SHA256()))
        self.tokens.add(token)
        if scheme != "bearer" or header != {"alg": "ES256", "kid": KEY_ID} or claims["iss"] != TEAM:
            self.faults.append(f"token {scheme} {header} {claims}")
        if not -60 < datetime.now(UTC).timestamp() - claims["iat"] < 3_600:
            self.faults.append(f"iat {claims}")
        if headers[":method"] != "POST" or not headers[":path"].startswith("/3/device/"):
            self.faults.append(f"path {headers[':path']}")
        if headers.get("apns-topic") != TOPIC or len(headers["apns-collapse-id"].encode()) > 64:
            self.faults.append(f"topic {headers}")
        payload = json.loads(body)
        kind, priority = headers["apns-push-type"], headers["apns-priority"]
        if kind == "background":
            if priority != "5" or payload["aps"] != {"content-available": 1}:
                self.faults.append(f"background {priority} {payload['aps']}")
        elif kind != "alert" or priority not in ("5", "10") or not payload["aps"]["alert"]["body"]:
            self.faults.append(f"alert {kind} {priority} {payload['aps']}")
        if int(headers["apns-expiration"]) < datetime.now(UTC).timestamp():
            self.faults.append("expired")
        if len(body) > 4_096:
            return 413, {}, b'{"reason":"PayloadTooLarge"}'
        self.pushes.append((headers, payload))
        return 200, {"apns-id": headers["apns-id"]}, b""
