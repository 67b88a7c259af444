"""Sends Apple's pushes with the app's topic and a provider token, over HTTP/2."""

from __future__ import annotations

from idlebell.model.endpoint import PushUrl
from idlebell.net.fcm_sender import Now, Send
from idlebell.push.apns import KEY_FAULTS, reason
from idlebell.push.apns_key import ProviderToken
from idlebell.push.exchange import Answer, ApnsPush, HttpRequest, NoResponse


class ApnsSender:
    """One for the process. ``url`` and ``sandbox_url``: the service for apps as they are sold, and as they are developed."""

    def __init__(self, send: Send, clock: Now, token: ProviderToken, *, topic: str, url: str, sandbox_url: str) -> None:
        self._send = send
        self._clock = clock
        self._token = token
        self._topic = topic
        self._url = url
        self._sandbox_url = sandbox_url

    async def carry(self, exchange: ApnsPush, /, *, timeout_seconds: float) -> Answer:
        """A token that is refused is followed by another one, once and not too often."""
        answer = await self._post(exchange, timeout_seconds)
        if isinstance(answer, NoResponse) or answer.status != 403 or reason(answer) not in KEY_FAULTS:
            return answer
        if not self._token.renew(self._clock.now()):
            return answer
        return await self._post(exchange, timeout_seconds)

    async def _post(self, exchange: ApnsPush, timeout_seconds: float) -> Answer:
        origin = self._sandbox_url if exchange.sandbox else self._url
        headers = (
            ("authorization", self._token.authorization(self._clock.now())),
            ("apns-topic", self._topic),
            ("content-type", "application/json"),
            *exchange.headers,
        )
        url = PushUrl(f"{origin}/3/device/{exchange.device}")
        return await self._send(HttpRequest("POST", url, headers, exchange.body), timeout_seconds=timeout_seconds)
