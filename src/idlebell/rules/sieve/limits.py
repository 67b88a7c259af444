"""Every bound of a script and of its run. A script belongs to whoever has the subscription, the message to whoever sent it:
neither shall take more than 5 ms of the loop that they share with all others."""

from __future__ import annotations

from typing import Final

SCRIPT_CHARACTERS: Final = 16_384
"""Of one script; what people keep on their servers has a tenth."""
TOKENS: Final = 2_000
"""Of one script: words, strings and marks. Each takes some 3 µs to read; a list of 900 addresses has 1,800."""
NESTING: Final = 30
"""Blocks within blocks and tests within tests, counted together. RFC 5228 asks for 15 of each."""
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
ALL_WILDCARDS: Final = 1_000
"""Of all patterns of a script."""
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
"""Of one run: a unit is a comparison of one character with another at its worst, about 1 ns, and all else is reckoned in it.
Enough for 40 words in a text of 16 KiB and thousands in a subject. A run that needs more ends as a script does that fails (RFC
5228 section 2.10.6): the message is kept, so it rings."""
STEP: Final = 500
"""What one command or test costs whatever it looks at."""
COMPARISON: Final = 150
"""What one comparison costs beside its characters."""
VALUE: Final = 300
"""What it costs to make a value of the message ready for that."""
READING: Final = 400
"""What a character of a pattern costs that is read while the script runs, for there are variables in it."""
NEEDLE: Final = 100
"""Longer than this, a text is looked for in linear time whatever it is looked for in."""
DATE: Final = 30_000
"""What it costs to read a date and take it apart."""
DATE_CHARACTERS: Final = 200
"""Of a date in a header field; more is none."""
BECAUSE: Final = 8
"""Sentences of one judgement."""
SAID_CHARACTERS: Final = 80
"""Of a string of the script that such a sentence, or an error, repeats."""
