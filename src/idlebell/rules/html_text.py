"""HTML to the text that a reader would see of it, in one pass.

libxml2's tokenizer calls us for each tag and no tree is built: trees are what HTML's own rules for broken markup let a mail of
48 KiB blow up to gigabytes (docs/decisions/0028). Nothing is loaded, no style sheet and no script is read, no attribute is told
but ``alt``. Time and memory are in proportion to the markup, which whoever fetches it bounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from lxml import etree

_UNSEEN: Final = frozenset(
    {
        "head",
        "style",
        "script",
        "template",
        "title",
        "noscript",
        "object",
        "iframe",
        "select",
        "textarea",
        "audio",
        "video",
    }
    | {"canvas", "svg", "math"}
)
"""Their content is not text, or is shown only where they cannot be."""
_PARAGRAPHS: Final = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote", "pre", "figure"}
)
_LINES: Final = frozenset(
    {"div", "tr", "li", "dt", "dd", "section", "article", "header", "footer", "nav", "aside", "main", "address", "form"}
    | {"fieldset", "center", "caption", "hr", "option"}
)
_CELLS: Final = frozenset({"td", "th"})
_VOID: Final = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_HIDES: Final = re.compile(
    r"(?:display\s{0,4}:\s{0,4}none|visibility\s{0,4}:\s{0,4}hidden|mso-hide\s{0,4}:\s{0,4}all)", re.I
)
_STYLE_CHARACTERS: Final = 2_000
"""Of one ``style`` that are looked at."""
_ALT_CHARACTERS: Final = 200
_SPACE: Final = re.compile(r"\s+")
_WHITE: Final = " \t\n\r\f"


def text_of_html(markup: str) -> str:
    """Paragraphs are divided by an empty line, lines by the end of one, cells of a table by a space. Never fails."""
    parser = etree.HTMLParser(target=_Text(), encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    raw = markup.encode("utf-8", "replace")
    if not raw.strip():
        return ""
    try:
        parser.feed(raw)
        return str(parser.close())
    except (etree.LxmlError, ValueError):
        return ""  # what it makes nothing of has nothing to be read


class _Text:
    """What lxml calls; it ends each element that it has begun, whatever the markup does."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._break = 0  # ends of line that are due before the next word
        self._space = False  # a space is
        self._unseen = 0  # elements that we are in, from the first whose content is not seen on
        self._verbatim = 0  # <pre>

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._unseen or tag in _UNSEEN or _is_hidden(attributes):
            self._unseen += 1
            return
        if tag == "br":
            self._end_line(min(self._break + 1, 2))
        elif tag == "img":
            self.data(f" {attributes.get('alt', '')[:_ALT_CHARACTERS]} ")
        else:
            self._divide(tag)
            if tag == "li":
                self._say("• ")
            elif tag == "pre":
                self._verbatim += 1

    def end(self, tag: str) -> None:
        if self._unseen:
            self._unseen -= 1
            return
        if tag == "pre":
            self._verbatim -= 1
        if tag not in _VOID:
            self._divide(tag)

    def data(self, text: str) -> None:
        if self._unseen:
            return
        if self._verbatim:
            self._say(text)
            return
        words = _SPACE.sub(" ", text)
        if words[:1] == " ":
            self._space = True
        if words.strip():
            self._say(words.strip())
            self._space = words[-1] == " "

    def comment(self, text: str) -> None:
        """Nothing of it is seen."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Nothing of it is seen."""

    def close(self) -> str:
        return "".join(self._pieces)

    def _divide(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._end_line(2)
        elif tag in _LINES:
            self._end_line(1)
        elif tag in _CELLS:
            self._space = True

    def _end_line(self, ends: int) -> None:
        self._break = max(self._break, ends)

    def _say(self, text: str) -> None:
        if self._pieces:
            if self._break:
                self._pieces.append("\n" * self._break)
            elif self._space:
                self._pieces.append(" ")
        self._break, self._space = 0, False
        self._pieces.append(text)


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    if not attributes:
        return False
    return "hidden" in attributes or _HIDES.search(attributes.get("style", "")[:_STYLE_CHARACTERS]) is not None
