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
# Marks of what lies between words, while the pieces are gathered; of the markup's own characters none of these is left.
_PARAGRAPH, _LINE, _BREAK, _CELL, _KEPT_SPACE, _KEPT_END = "\x01", "\x02", "\x03", "\x04", "\x05", "\x06"
_UNMARKED: Final = dict.fromkeys(range(1, 7))
_KEPT: Final = {ord(" "): _KEPT_SPACE, ord("\n"): _KEPT_END, ord("\t"): _KEPT_SPACE}
_UNKEPT: Final = {ord(_KEPT_SPACE): " ", ord(_KEPT_END): "\n"}
_BETWEEN: Final = re.compile(r"[\s\x01-\x04]{2,}|[\s\x01-\x04]")


def text_of_html(markup: str) -> str:
    """Paragraphs are divided by an empty line, lines by the end of one, cells of a table by a space. Never fails."""
    target = _Text()
    parser = etree.HTMLParser(target=target, encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    raw = markup.translate(_UNMARKED).encode("utf-8", "replace")
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
        self._unseen = 0  # elements that we are in, from the first whose content is not seen on
        self._verbatim = 0  # <pre>

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._unseen or tag in _UNSEEN or (attributes and _is_hidden(attributes)):
            self._unseen += 1
        elif (mark := _MARKS.get(tag)) is not None:
            self._pieces.append(mark)
            if tag == "pre":
                self._verbatim += 1
        elif tag == "img":
            self._pieces.append(f" {attributes.get('alt', '').translate(_UNMARKED)[:_ALT_CHARACTERS]} ")

    def end(self, tag: str) -> None:
        if self._unseen:
            self._unseen -= 1
        elif (mark := _END_MARKS.get(tag)) is not None:
            self._pieces.append(mark)
            if tag == "pre":
                self._verbatim -= 1

    def data(self, text: str) -> None:
        if not self._unseen:
            # A character reference may have made one of our marks.
            self._pieces.append(text.translate(_UNMARKED).translate(_KEPT) if self._verbatim else text)

    def comment(self, text: str) -> None:
        """Nothing of it is seen."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Nothing of it is seen."""

    def close(self) -> str:
        return _BETWEEN.sub(_between, "".join(self._pieces)).strip(" \n").translate(_UNKEPT)


def _between(found: re.Match[str]) -> str:
    run = found[0]
    if _PARAGRAPH in run or run.count(_BREAK) > 1 or (_BREAK in run and _LINE in run.partition(_BREAK)[0]):
        return "\n\n"
    return "\n" if _LINE in run or _BREAK in run else " "


_MARKS: Final = {
    **dict.fromkeys(_PARAGRAPHS, _PARAGRAPH),
    **dict.fromkeys(_LINES, _LINE),
    **dict.fromkeys(_CELLS, _CELL),
    "br": _BREAK,
    "li": _LINE + "• ",
}
_END_MARKS: Final = {tag: _LINE if tag == "li" else mark for tag, mark in _MARKS.items() if tag not in _VOID}


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    return "hidden" in attributes or _HIDES.search(attributes.get("style", "")[:_STYLE_CHARACTERS]) is not None
