"""The process that runs Apprise: one call after another, from standard input to standard output, a line of JSON each.

Started by :mod:`idlebell.net.apprise_pool`, which kills it when it takes too long. The first line it reads are its settings,
its first line says that it is ready. Here alone Apprise is imported.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from ipaddress import ip_network
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from idlebell.net.apprise_guard import Guard
from idlebell.net.egress import Egress

MEMORY_BYTES: Final = 1 << 30
"""Of address space; Apprise with all its plugins has 70 MiB resident."""
FILES: Final = 64
ANSWER_BYTES: Final = 65_536
"""Read of a service's answer."""
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0


def main() -> int:
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    _nothing_printed()
    settings = json.loads(calls.readline())
    _limits()
    runner = Runner(settings)
    _say(answers, {"ready": True})
    while line := calls.readline():
        _say(answers, runner.run(json.loads(line)))
    return 0


class Runner:
    """Apprise with everything loaded, behind the guard."""

    def __init__(self, settings: dict[str, Any]) -> None:
        import mimetypes

        import apprise
        import requests
        from apprise.manager_plugins import NotificationManager

        mimetypes.init()
        proxy = urlsplit(settings["proxy"]) if settings["proxy"] else None
        self._guard = Guard(
            Egress(
                allow=tuple(ip_network(one) for one in settings["allow"]),
                endpoint_ports=frozenset(settings["endpoint_ports"]),
                allow_plaintext=settings["allow_plaintext"],
            ),
            (proxy.hostname or "", proxy.port or 80) if proxy else None,
        )
        self._proxies = {"http": settings["proxy"], "https": settings["proxy"]} if proxy else {}
        self._ca = _authorities(settings["ca"]) if settings["ca"] else True
        self._last: Any = None
        self._silence: str | None = None
        self._apprise = apprise
        self._plugins: Any = NotificationManager()  # type: ignore[no-untyped-call]
        self._plugins.load_modules()  # type: ignore[no-untyped-call]
        self._asset = apprise.AppriseAsset(
            app_id="Idlebell",
            app_desc="Idlebell",
            # Apprise's own pictures lie at a stranger's: whoever shows them tells that server when mail came.
            image_url_mask="",
            image_url_logo="",
            image_path_mask="",
            async_mode=False,
            http_redirects=False,
            pem_autogen=False,
            pgp_autogen=False,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
            service_timeout=0,
        )
        self._between(requests.adapters.HTTPAdapter)
        sys.addaudithook(self._guard)

    def run(self, call: dict[str, Any]) -> dict[str, Any]:
        """``answer``: ``accepted``, ``failed``, ``unknown`` (no URL that Apprise understands), ``several`` (more than one
        target) or ``ready`` (it was only to be looked at)."""
        guard = self._guard
        guard.refused, self._last, self._silence = "", None, None
        schema = str(call["url"]).partition(":")[0].lower()
        plugin = next((self._plugins[one] for one in self._plugins.schemas() if one == schema), None)
        guard.secure = plugin is not None and schema in _several(plugin.secure_protocol)
        try:
            service = self._apprise.Apprise.instantiate(call["url"], asset=self._asset)
            if service is None:
                return {"answer": "unknown", "refused": guard.refused}
            service.verify_certificate, service.redirects, service.retry = True, False, 0
            if len(service) > 1:
                return {"answer": "several", "refused": ""}
            if call["look"]:
                return {"answer": "ready", "refused": guard.refused}
            sender = self._apprise.Apprise(asset=self._asset)
            sender.add(service)
            accepted = bool(
                sender.notify(body=call["body"], title=call["title"], body_format=self._apprise.NotifyFormat.TEXT)
            )
        except Exception:
            # A plugin that fails on what a service said, or on what the guard forbade; what it says may hold the URL.
            accepted = False
        last = self._last
        return {
            "answer": "accepted" if accepted else "failed",
            "status": None if last is None else last.status_code,
            "retry_after": None if last is None else last.headers.get("retry-after"),
            "refused": guard.refused,
            "silence": self._silence,
        }

    def _between(self, adapter: Any) -> None:
        """Each request of ``requests`` is sent as we say, whatever the URL asked for: certificates checked, no redirect
        followed, no certificate of ours shown, no more of the answer read than is of use."""
        send = adapter.send

        def sent(own: Any, request: Any, **more: Any) -> Any:
            self._last = self._silence = None
            if self._proxies:
                to = urlsplit(request.url)
                self._guard.check_host(to.hostname or "", to.port or (443 if to.scheme == "https" else 80))
            more |= {
                "verify": self._ca,
                "cert": None,
                "proxies": self._proxies,
                "timeout": (CONNECT_SECONDS, READ_SECONDS),
            }
            try:
                response = send(own, request, **more | {"stream": True})
                response._content = response.raw.read(ANSWER_BYTES, decode_content=True)
            except Exception as error:
                self._silence = _silence(error)
                raise
            response._content_consumed = True
            response.headers.pop("location", None)
            self._last = response
            response.raw.close()
            return response

        adapter.send = sent


def _silence(error: Exception) -> str:
    """Why there was no answer, as a word of :data:`idlebell.push.answers.SILENCES`. What the error says may hold the URL."""
    # By their names: some are of the library below requests, which is no dependency of ours.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    causes = {kind.__name__ for cause in error.args for kind in type(cause).__mro__}
    if "SSLError" in kinds:
        return "tls"
    if kinds & {"Timeout", "ReadTimeoutError"}:
        return "timeout"
    if kinds & {"ConnectionError", "PermissionError"} and "ProtocolError" not in causes:
        return "unreachable"
    return "broken"


def _several(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def _authorities(more: str) -> str:
    """A file that is on no disk: the usual certificate authorities, and ``more`` (PEM)."""
    import certifi

    file = os.memfd_create("idlebell-ca", 0)
    os.write(file, (certifi.contents() + "\n" + more).encode("ascii", "ignore"))
    return f"/proc/self/fd/{file}"


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def _nothing_printed() -> None:
    """A plugin that prints would speak into our answers, and what it logs holds URLs."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _say(answers: BinaryIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode("ascii") + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
