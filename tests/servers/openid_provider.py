"""A real OpenID provider of others (``oidc-provider`` from npm) on a free port, and a user who signs in there."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, quote_plus, urlencode, urljoin, urlsplit

import aiohttp
from yarl import URL

from interop.npm_packages import FOLDER
from servers.node import ENVIRONMENT, node
from servers.sandbox import free_port

SCRIPT = Path(__file__).with_name("openid.mjs")
SIGNED_IN = "http://127.0.0.1/signed-in"
_FORM = re.compile(r'<form[^>]* action="([^"]+)"')
_PROMPT = re.compile(r'name="prompt" value="([a-z]+)"')


@dataclass(frozen=True)
class Tokens:
    access_token: str
    refresh_token: str


class OpenIdProvider:
    """``with`` starts it and surely ends it. Clients ``phone`` (without a secret; its access tokens live for
    ``access_token_seconds``), ``site`` and, for the mail server's questions
    about tokens, ``mail``."""

    SECRET = "s3cret+of/site"

    def __init__(self, *, access_token_seconds: int = 3600) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token_url = f"{self.url}/token"
        self.introspection_url = f"http://mail:s3cret-of-mail@127.0.0.1:{self.port}/token/introspection"
        self._seconds = access_token_seconds

    def as_client(self, folder: Path, host: str) -> str:
        """Lines of a configuration by which a gateway is the client ``site``, for the IMAP server ``host``."""
        secret = folder / "site.secret"
        secret.write_text(self.SECRET + "\n")
        secret.chmod(0o600)
        return (
            f'[oauth.corp]\nclient_id = "site"\nsecret_file = "{secret}"\nissuer = "{self.url}"\n'
            f'scopes = ["openid", "imap"]\nhosts = ["{host}"]\n'
        )

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [node(), SCRIPT, str(FOLDER), str(self.port), str(self._seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT,
        )  # fmt: skip
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()) != f"ready {self.port}\n".encode():
            assert line, "the OpenID provider did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    async def sign_in(self, user: str, client: str = "phone") -> Tokens:
        """Authorization code with PKCE (RFC 7636), through the pages that a person sees."""
        verifier = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": client, "response_type": "code", "redirect_uri": SIGNED_IN, "scope": "openid offline_access imap",
            "prompt": "consent", "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        back = await self.agree(f"{self.url}/auth?{urlencode(asked)}", user, SIGNED_IN)
        proof = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": SIGNED_IN}
        async with aiohttp.ClientSession() as session:
            return await self._token(session, client, {**proof, "code_verifier": verifier.decode()})

    async def agree(self, url: str, user: str, redirect_uri: str) -> dict[str, str]:
        """Through the pages that a person sees; what the browser is sent back to ``redirect_uri`` with."""
        jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            answer = await browser.get(URL(url, encoded=True), allow_redirects=False)
            while not (there := urljoin(str(answer.url), answer.headers.get("Location", ""))).startswith(redirect_uri):
                if answer.status in (302, 303):
                    answer = await browser.get(there, allow_redirects=False)
                    continue
                page = await answer.text()
                form, prompt = _FORM.search(page), _PROMPT.search(page)
                assert form, page
                assert prompt, page
                filled = {"prompt": prompt[1], "login": user, "password": "any"}
                answer = await browser.post(urljoin(self.url, form[1]), data=filled, allow_redirects=False)
            return dict(parse_qsl(urlsplit(there).query))

    async def revoke(self, refresh_token: str, client: str = "phone") -> None:
        """The user takes it back (RFC 7009)."""
        async with aiohttp.ClientSession() as session:
            body = {"token": refresh_token, "token_type_hint": "refresh_token", "client_id": client}
            async with session.post(f"{self.url}/token/revocation", data=body) as answer:
                assert answer.status == 200, await answer.text()

    async def renewals(self) -> int:
        """How many refresh tokens were used, with success."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/renewals") as answer:
            return int(await answer.text())

    async def _token(self, browser: aiohttp.ClientSession, client: str, body: dict[str, str]) -> Tokens:
        basic = base64.b64encode(f"{client}:{quote_plus(self.SECRET)}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"} if client == "site" else {}
        data = body if headers else {**body, "client_id": client}
        async with browser.post(self.token_url, data=data, headers=headers) as answer:
            given = await answer.json()
            assert answer.status == 200, given
            return Tokens(given["access_token"], given["refresh_token"])
