"""The review sheets and the open questions name tests that are there; of a sheet no sentence is without a test or a setting."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from threats import is_there

EXPLANATION: Final = Path(__file__).parents[2] / "docs/explanation"
SHEETS: Final = sorted((EXPLANATION / "review").glob("*.md"))
PAGES: Final = [EXPLANATION / "open-questions.md", *SHEETS]
_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)#]+)[^)]*\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_linked_is_there(page: Path) -> None:
    for words, target in _LINK.findall(page.read_text()):
        path = (page.parent / target).resolve()
        assert path.exists(), target
        if path.suffix == ".py":
            file = path.relative_to(EXPLANATION.parents[1] / "tests")
            name = f"{file.parent}/{file.stem.removeprefix('test_')}::{'_'.join(words.split())}"
            assert is_there(name), words


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.stem)
def test_each_sentence_of_a_sheet_names_a_test_or_a_setting(sheet: Path) -> None:
    lines = [line for line in sheet.read_text().splitlines() if line.startswith("- ")]
    assert lines
    assert [line for line in lines if not _LINK.search(line)] == []
