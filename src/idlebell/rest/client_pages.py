"""The web client: fixed files, read once at the start, that need nothing of another origin."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from idlebell.cost.ways import Habits, Way, by_name
from idlebell.rest.problems import refuse

AnyRequest = Request[Any, Any, Any]

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types idlebell"
)
"""A text that somebody else wrote has no way to become a script: there is no inline script or style, none from elsewhere, and
the page makes no HTML of text (Trusted Types)."""
WORKER_POLICY: Final = "default-src 'none'; script-src 'self'; connect-src 'self'"
"""A worker has no document. What it may load stands in its own policy, not in the page's (CSP 3 section 4.2.4)."""
TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
"""By the end of a file's name; what ends otherwise is not served. The framework adds the character set to text."""
ROOT: Final[Mapping[str, str]] = {
    "/": "index.html",
    "/sw.js": "sw.js",
    "/manifest.webmanifest": "manifest.webmanifest",
}
"""What does not lie under ``/web``: a worker speaks for the folder that it lies in."""
POLLED_SECONDS: Final = 120
"""How often a device looks that is compared with being rung."""
CACHING: Final = "no-cache"
"""Kept, but asked for anew each time: page and worker are of one version always, and an unchanged file is a 304."""


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    media_type: str
    etag: str
    headers: Mapping[str, str] = field(default_factory=dict)


def routes() -> list[HTTPRouteHandler]:
    files = dict(_files(resources.files("idlebell").joinpath("web")))
    files["cost.json"] = _file("cost.json", _cost(), TYPES[".json"])

    @get(list(ROOT))
    async def client(request: AnyRequest) -> Response[bytes]:
        return _answer(request, files[ROOT[request.url.path]])

    @get("/web/{name:path}")
    async def client_file(request: AnyRequest) -> Response[bytes]:
        found = files.get(str(request.path_params["name"]).lstrip("/"))
        if found is None:
            raise refuse("no-such-path", "There is no such file.")
        return _answer(request, found)

    @get("/signed-in/{provider:str}")
    async def returned() -> Response[bytes]:
        """Where a provider sends browsers back to: the page reads what stands in its own address, and takes it out."""
        page = files["index.html"]
        return Response(page.content, media_type=page.media_type, headers={**page.headers, "cache-control": "no-store"})

    return [client, client_file, returned]


def _cost() -> bytes:
    """What a device spends in a day and for a mail, by polling as sparingly as that goes (TLS resumed) and by Web Push."""
    ways = by_name(Habits(poll_seconds=POLLED_SECONDS))
    return json.dumps({"poll": _figures(ways["login resumed"]), "push": _figures(ways["push"])}).encode()


def _figures(way: Way) -> dict[str, float]:
    return {
        "bytes_a_day": way.bytes_a_day,
        "bytes_a_mail": way.bytes_a_mail,
        "wakes_a_day": way.wakes_a_day,
        "wakes_a_mail": way.wakes_a_mail,
    }


def _answer(request: AnyRequest, file: File) -> Response[bytes]:
    headers = {"etag": file.etag, "cache-control": CACHING, **file.headers}
    # RFC 9110 section 13.1.2: a list of tags, compared weakly.
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if file.etag in known:
        return Response(b"", status_code=304, media_type=file.media_type, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, File]]:
    """By their paths below ``folder``."""
    for one in folder.iterdir():
        name = prefix + one.name
        if one.is_dir():
            yield from _files(one, f"{name}/")
        elif (media_type := TYPES.get("." + one.name.rpartition(".")[2])) is not None:
            yield name, _file(name, one.read_bytes(), media_type)


def _file(name: str, content: bytes, media_type: str) -> File:
    policy = WORKER_POLICY if name == "sw.js" else PAGE_POLICY
    headers = {"content-security-policy": policy}
    if name == "sw.js":
        headers["service-worker-allowed"] = "/"
    return File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"', headers)
