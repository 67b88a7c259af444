"""Every bound of a script and of its run. A script belongs to whoever has the subscription, the message to whoever sent it:
neither shall take more than 5 ms of the loop that they share with all others."""

from __future__ import annotations

from typing import Final

SCRIPT_CHARACTERS: Final = 16_384
"""Of one script; what people keep on their servers has a tenth."""
TOKENS: Final = 4_000
"""Of one script: words, strings and marks. A script of 16 KiB that somebody wrote has half of that."""
NESTING: Final = 30
"""Blocks within blocks and tests within tests, counted together. RFC 5228 section 10.2 asks for 15 of each."""
COMMANDS: Final = 500
"""Commands and tests in all."""
HEADER_NAMES: Final = 30
"""Header fields in all that are fetched for one script."""
HEADER_NAME_CHARACTERS: Final = 76
"""RFC 5322 section 2.1.1: a line should have no more than 78."""
NUMBER: Final = 2**53 - 1
"""RFC 5228 section 2.4.1 asks for 31 bits."""
WILDCARDS: Final = 40
"""Of one pattern."""
VARIABLES: Final = 128
"""RFC 5229 section 6: as many as a script can count on."""
VARIABLE_NAME_CHARACTERS: Final = 32
"""The same."""
VARIABLE_CHARACTERS: Final = 4_000
"""The same; what is longer is cut."""
MATCHED: Final = 10
"""``${0}`` to ``${9}`` (RFC 5229 section 3.2)."""
FLAGS: Final = 50
"""In the script's internal list (RFC 5232 section 2)."""
FLAG_CHARACTERS: Final = 255
"""RFC 8621 section 4.1.1."""
WORK: Final = 4_000_000
"""Of one run, in comparisons of one character with another at their worst: about 1 ns each. A run that needs more ends as a
script does that fails (RFC 5228 section 2.10.6): the message is kept, so it rings."""
STEP: Final = 200
"""What one command, test or comparison costs whatever it looks at."""
NEEDLE: Final = 100
"""Longer than this, a text is looked for in linear time whatever it is looked for in."""
DATE_CHARACTERS: Final = 200
"""Of a date in a header field; more is none."""
BECAUSE: Final = 8
"""Sentences of one judgement."""
SAID_CHARACTERS: Final = 80
"""Of a string of the script that such a sentence, or an error, repeats."""
