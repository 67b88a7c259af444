"""Pages for people: the API description at ``/docs`` and what each problem means at ``/problems``. They need no internet
and nothing of another origin."""

from __future__ import annotations

import html
from importlib import resources
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from idlebell.model.problem import PROBLEMS, Entry
from idlebell.rest.answers import answer
from idlebell.rest.problems import refuse

AnyRequest = Request[Any, Any, Any]

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FILES = {
    "docs.html": "text/html",
    "docs.js": "text/javascript",
    "docs.css": "text/css",
}
"""With their types; the framework adds the character set, UTF-8, to each that is text."""


def routes(description: bytes) -> list[HTTPRouteHandler]:
    static = {name: resources.files("idlebell.rest").joinpath("static", name).read_bytes() for name in FILES}

    @get("/openapi.json")
    async def openapi() -> Response[bytes]:
        return Response(description, media_type="application/json")

    @get("/docs")
    async def docs() -> Response[bytes]:
        return _page(static["docs.html"])

    @get("/docs/{name:str}")
    async def docs_file(request: AnyRequest) -> Response[bytes]:
        name: str = request.path_params["name"]
        if name not in static:
            raise refuse("no-such-path", "There is no such page.")
        return Response(static[name], media_type=FILES[name], headers={"content-security-policy": PAGE_POLICY})

    @get("/problems")
    async def problems(request: AnyRequest) -> Response[bytes]:
        if not _wants_html(request):
            return answer({"items": [_described(entry) for entry in PROBLEMS.values()]})
        rows = "".join(
            f'<li><a href="/problems/{entry.code}"><code>{entry.code}</code></a> {html.escape(entry.title)}</li>'
            for entry in PROBLEMS.values()
        )
        return _page(_document("Problems", f"<h1>Problems</h1><ul class=plain>{rows}</ul>"))

    @get("/problems/{code:str}")
    async def problem(request: AnyRequest) -> Response[bytes]:
        entry = PROBLEMS.get(request.path_params["code"])
        if entry is None:
            raise refuse("no-such-path", "There is no such problem.")
        if not _wants_html(request):
            return answer(_described(entry))
        body = (
            f"<h1>{html.escape(entry.title)}</h1><p>{html.escape(entry.mend)}</p><dl>"
            f"<dt>type</dt><dd><code>/problems/{entry.code}</code></dd><dt>status</dt><dd>{entry.http_status}</dd>"
            f"<dt>who can mend it</dt><dd>{entry.blame.value}</dd>"
            f"<dt>the same again</dt><dd>{_RETRY[entry.retry.value]}</dd></dl>"
            '<p><a href="/problems">All problems</a> · <a href="/docs">API</a></p>'
        )
        return _page(_document(entry.title, body))

    return [openapi, docs, docs_file, problems, problem]


_RETRY = {
    "never": "has the same end",
    "soon": "may work within seconds",
    "later": "may work within minutes or hours",
}


def _described(entry: Entry) -> dict[str, Any]:
    return {
        "type": f"/problems/{entry.code}",
        "title": entry.title,
        "status": entry.http_status,
        "mend": entry.mend,
        "blame": entry.blame.value,
        "retry": entry.retry.value,
    }


def _wants_html(request: AnyRequest) -> bool:
    """A browser names text/html first; a program that names nothing gets JSON."""
    return "text/html" in request.headers.get("accept", "").lower()


def _document(title: str, body: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark"><title>{html.escape(title)} · Idlebell</title>'
        f'<link rel="stylesheet" href="/docs/docs.css"><body><main class="prose">{body}</main></body></html>'
    ).encode()


def _page(content: bytes) -> Response[bytes]:
    return Response(
        content,
        media_type="text/html",
        headers={"content-security-policy": PAGE_POLICY, "vary": "accept"},
    )
