"""The page of the connection's states is drawn from the tables. IDLEBELL_RECORD_GOLDEN=1 writes it again on purpose."""

from __future__ import annotations

import os
from pathlib import Path

from idlebell.imap.state import spell_diagram, spell_exchange, spell_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "imap-states.md"


def spelled() -> str:
    return f"""\
# The states of an IMAP connection

Drawn from the tables in `imap/state.py`, which both halves of the protocol obey.

Which state a connection is in (RFC 9051 section 3), and what moves it:

```mermaid
{spell_diagram().strip()}
```

What is in flight within a state, one command at a time:

```mermaid
{spell_exchange().strip()}
```

Which command may be sent in which state, and where its answer leads:

{spell_table().strip()}
"""


def test_the_page_of_states_is_the_tables() -> None:
    if os.environ.get("IDLEBELL_RECORD_GOLDEN") == "1":
        PAGE.write_text(spelled())
    assert PAGE.read_text() == spelled()
