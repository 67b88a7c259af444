"""Spellings of real servers that our server half has not, as functions for ``Habits.respell``: responses in, bytes out."""

from __future__ import annotations

import re

_BADEVENT = re.compile(rb"\[BADEVENT \(([^)\r\n]*)\)\]")
_STRUCTURE = re.compile(rb"BODYSTRUCTURE \([^\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\\r\n]|\\.)*"')
_ID = re.compile(rb'\* ID \("[^"\r\n]*" "[^"\r\n]*"')
_CONDITION = re.compile(rb"^(\S+ )(OK|NO|BAD)(?= )", re.MULTILINE)
_TEXT_AFTER_CODE = re.compile(rb"^(\* OK \[[^\]\r\n]*\])[^\r\n]*", re.MULTILINE)


def badevent_without_list(responses: bytes) -> bytes:
    """Dovecot: no parentheses in BADEVENT."""
    return _BADEVENT.sub(rb"[BADEVENT \1]", responses)


def nil_for_strings(responses: bytes) -> bytes:
    """GMX: NIL for every string of a BODYSTRUCTURE and for the first field of ID."""
    responses = _ID.sub(b"* ID (NIL NIL", responses)
    return _STRUCTURE.sub(lambda found: _STRING.sub(b"NIL", found[0]), responses)


def lower_case_conditions(responses: bytes) -> bytes:
    """GMX: ``ok``."""
    return _CONDITION.sub(lambda found: found[1] + found[2].lower(), responses)


def no_text_after_code(responses: bytes) -> bytes:
    """hoodiecrow: nothing after the response code of an untagged OK."""
    return _TEXT_AFTER_CODE.sub(rb"\1", responses)
