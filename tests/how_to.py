"""The code of a how-to page, as its reader would copy it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[1] / "docs" / "how-to"


def code_of(page: str) -> str:
    """Every Python block, one after another."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL))


def module_of(page: str) -> ModuleType:
    module = ModuleType(page.removesuffix(".md").replace("-", "_"))
    sys.modules[module.__name__] = module
    exec(compile(code_of(page), page, "exec"), module.__dict__)
    return module
