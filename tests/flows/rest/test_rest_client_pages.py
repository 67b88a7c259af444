"""The web client as it is served: fixed files, a strict policy, nothing of another origin."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib import resources
from importlib.resources.abc import Traversable

import pytest

from idlebell.gateway.why import _ENDS, _VERDICTS
from idlebell.model.verdict import Outcome
from idlebell.rest.client_pages import PAGE_POLICY, WORKER_POLICY

WEB = resources.files("idlebell").joinpath("web")


def paths(folder: Traversable = WEB, prefix: str = "") -> list[str]:
    found = []
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        found += paths(one, f"{prefix}{one.name}/") if one.is_dir() else [prefix + one.name]
    return found


SCRIPTS = [path for path in paths() if path.endswith(".js")]
SINKS = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "DOMParser",
    "eval(",
    "new Function",
    "srcdoc",
)
TEXTS = {path: json.loads(WEB.joinpath(path).read_text("utf-8")) for path in paths() if path.startswith("texts/")}


def source(path: str) -> str:
    return WEB.joinpath(path).read_text("utf-8")


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


async def test_the_page_has_a_policy_that_runs_nothing_but_its_own_files(stage):
    page = await stage.ask("GET", "/")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == PAGE_POLICY
    assert "unsafe" not in PAGE_POLICY
    assert "'none'" in PAGE_POLICY.split(";")[0]
    for tag, attributes in Tags(page.content.decode()).found:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        if tag == "script":
            assert attributes["src"], "no inline script"
        assert tag != "style"
        for name in ("src", "href"):
            if name in attributes:
                assert re.match(r"[/#]", attributes[name] or ""), f"{tag} of another origin"


async def test_every_file_that_the_page_names_is_there(stage):
    page = await stage.ask("GET", "/")
    manifest = await stage.ask("GET", "/manifest.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    links = [
        a[n] for _, a in Tags(page.content.decode()).found for n in ("src", "href") if (a.get(n) or "").startswith("/")
    ]
    links += [icon["src"] for icon in manifest.json["icons"]]
    for path in SCRIPTS:
        links += re.findall(r'"(/(?:web/[\w./-]+|sw\.js))"', source(path))
        folder = path.rpartition("/")[0]
        imported = re.findall(r'(?:from|import|import\()\s*"(\.[\w./-]+)"', source(path))
        links += [f"/web/{_joined(folder, name)}" for name in imported]
    assert len(links) > 20
    for link in set(links):
        answer = await stage.ask("GET", link)
        assert answer.status == 200, link
        assert answer.headers["x-content-type-options"] == "nosniff"


def _joined(folder: str, name: str) -> str:
    parts = folder.split("/") if folder else []
    for part in name.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


async def test_the_worker_may_speak_for_the_whole_origin(stage):
    worker = await stage.ask("GET", "/sw.js")
    assert worker.headers["service-worker-allowed"] == "/"
    assert worker.headers["content-type"] == "text/javascript; charset=utf-8"
    assert worker.headers["content-security-policy"] == WORKER_POLICY


async def test_what_a_provider_sends_back_stays_in_no_cache_and_leads_nowhere(stage):
    """Whatever stands in the address, it is the page that is served, and the page asks nobody else for anything."""
    page = await stage.ask("GET", "/")
    for query in (
        "?code=c0de&state=s",
        "?redirect_uri=https://evil.example.net/&next=//evil.example.net",
        "?error=<script>",
    ):
        back = await stage.ask("GET", f"/signed-in/corp{query}")
        assert (back.status, back.content) == (200, page.content)
        assert back.headers["cache-control"] == "no-store"
        assert back.headers["referrer-policy"] == "no-referrer"
        assert back.headers["content-security-policy"] == PAGE_POLICY
        assert not {"location", "refresh", "etag", "set-cookie"} & {name.lower() for name in back.headers}
    assert (await stage.ask("GET", "/signed-in/corp/more")).status == 404


async def test_a_file_that_is_known_already_is_not_sent_again(stage):
    first = await stage.ask("GET", "/web/app.css")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    again = await stage.ask("GET", "/web/app.css", headers={"if-none-match": f'"other", W/{tag}'})
    assert (again.status, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert (await stage.ask("GET", "/web/app.css", headers={"if-none-match": '"other"'})).status == 200
    head = await stage.ask("HEAD", "/web/app.css")
    assert (head.status, head.content) == (200, b"")


@pytest.mark.parametrize(
    "name", ["nothing.js", "../rest/app.py", "..%2frest%2fapp.py", "%2e%2e/cli/main.py", "common", ""]
)
async def test_no_other_file_is_served(stage, name):
    assert (await stage.ask("GET", f"/web/{name}")).status == 404


async def test_the_api_keeps_its_own_policy(stage):
    answer = await stage.ask("GET", "/v1/vapid")
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", SCRIPTS)
def test_no_script_makes_html_or_code_of_text(path):
    text = source(path)
    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "DOMParser",
        "eval(",
        "new Function",
        "srcdoc",
    ):
        assert sink not in text, f"{path} uses {sink}"
    for line in text.splitlines():
        assert len(line) <= 200, f"{path}: {line[:60]}"


def test_no_token_is_put_into_a_url():
    for path in SCRIPTS:
        for url in re.findall(r"`/v1/[^`]*`", source(path)):
            assert "token" not in url, path


def test_all_languages_say_the_same_things():
    """But for what the gateway says itself, in English: problems, and why it rang or did not."""
    english = TEXTS["texts/en.json"]
    why = {f"why.{outcome}" for outcome in (*_ENDS, *_VERDICTS) if outcome is not Outcome.RINGS}
    why |= {"why.not-seen", "why.not-kept", "why.not-known"}
    for path, texts in TEXTS.items():
        own = {key for key in texts if not key.startswith("problem.")} - why
        assert own == {key for key in english if not key.startswith("problem.")}, path
        assert why <= set(texts) or texts is english, path
        for key, text in english.items():
            if key in texts:
                assert _places(text) == _places(texts[key]), f"{path}: {key}"


def _places(text: object) -> set[str]:
    forms = text.values() if isinstance(text, dict) else [text]
    return {place for form in forms for place in re.findall(r"\{(\w+)\}", form) if place != "count"}


def test_every_text_that_a_script_says_is_there():
    english = TEXTS["texts/en.json"]
    for path in SCRIPTS:
        for key in re.findall(r'\bsay\("([\w.-]+)"', source(path)):
            assert key in english, f"{path}: {key}"


def test_problems_that_are_translated_are_problems():
    from idlebell.model.problem import PROBLEMS

    english = TEXTS["texts/en.json"]
    ours = {key.split(".")[1] for key in english if key.startswith("problem.") and key.endswith(".title")}
    for path, texts in TEXTS.items():
        for key in texts:
            if key.startswith("problem.") and len(key.split(".")) == 3:
                assert key.split(".")[1] in PROBLEMS.keys() | ours, f"{path}: {key}"
