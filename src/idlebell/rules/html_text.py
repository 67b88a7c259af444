"""HTML to the text that a reader would see of it, in one pass.

libxml2's tokenizer calls us for each tag and no tree is built: trees are what HTML's own rules for broken markup let a mail of
48 KiB blow up to gigabytes (docs/decisions/0028). Nothing is loaded, no style sheet and no script is read, no attribute is told
but ``alt``. Time and memory are in proportion to the markup, which whoever fetches it bounds; what is nothing but tags is read
as far as :data:`CALLS` go.
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
CALLS: Final = 3_000
"""Beginnings and ends of elements and runs of text that are looked at; a beginning with attributes counts twice. Each takes
some 1 µs. A newsletter of 48 KiB has 1,500 to 2,800, what is made to be costly 30,000."""
_FED_BYTES: Final = 2_048
"""At once: between two of these it is seen whether that was enough."""
# Marks of what lies between words, while the pieces are gathered; of the markup's own characters none of these is left.
_PARAGRAPH, _LINE, _BREAK, _CELL, _KEPT_SPACE, _KEPT_END = "\x01", "\x02", "\x03", "\x04", "\x05", "\x06"
_MARK: Final = re.compile(r"[\x01-\x06]")
_BETWEEN: Final = re.compile(r"[\x01-\x04][ \x01-\x04]*+")


def text_of_html(markup: str) -> tuple[str, bool]:
    """Paragraphs are divided by an empty line, lines by the end of one, cells of a table by a space; and is that less than all?
    Never fails."""
    target = _Text()
    parser = etree.HTMLParser(target=target, encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    raw = markup.encode("utf-8", "replace").translate(None, b"\x01\x02\x03\x04\x05\x06")
    if not raw.strip():
        return "", False
    try:
        for start in range(0, len(raw), _FED_BYTES):
            parser.feed(raw[start : start + _FED_BYTES])
            if target.calls > CALLS:
                return target.close(), True  # elements that are open yet end nothing that has not ended
        return str(parser.close()), False
    except (etree.LxmlError, ValueError):
        return "", False  # what it makes nothing of has nothing to be read


class _Text:
    """What lxml calls; it ends each element that it has begun, whatever the markup does."""

    def __init__(self) -> None:
        self.calls = 0
        self._pieces: list[str] = []
        self._unseen = 0  # elements that we are in, from the first whose content is not seen on
        self._verbatim = 0  # <pre>

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.calls += 2 if attributes else 1
        if self._unseen or tag in _UNSEEN or (attributes and _is_hidden(attributes)):
            self._unseen += 1
        elif (mark := _MARKS.get(tag)) is not None:
            self._pieces.append(mark)
            if tag == "pre":
                self._verbatim += 1
        elif tag == "img":
            self._pieces.append(f" {_MARK.sub('', attributes.get('alt', '')[:_ALT_CHARACTERS])} ")

    def end(self, tag: str) -> None:
        self.calls += 1
        if self._unseen:
            self._unseen -= 1
        elif (mark := _END_MARKS.get(tag)) is not None:
            self._pieces.append(mark)
            if tag == "pre":
                self._verbatim -= 1

    def data(self, text: str) -> None:
        self.calls += 1
        if not self._unseen:
            # A character reference may have made one of our marks.
            self._pieces.append(_kept(_MARK.sub("", text)) if self._verbatim else text)

    def comment(self, text: str) -> None:
        """Nothing of it is seen."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Nothing of it is seen."""

    def close(self) -> str:
        # Spaces first, at once: a call for each one between two words would be most of what a long text costs.
        spaced = " ".join("".join(self._pieces).split())
        for mark in (_PARAGRAPH, _LINE, _BREAK, _CELL):
            spaced = spaced.replace(" " + mark, mark)
        divided = _BETWEEN.sub(_between, spaced).strip(" \n")
        return divided.replace(_KEPT_SPACE, " ").replace(_KEPT_END, "\n")


def _kept(text: str) -> str:
    return text.replace(" ", _KEPT_SPACE).replace("\t", _KEPT_SPACE).replace("\n", _KEPT_END)


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
