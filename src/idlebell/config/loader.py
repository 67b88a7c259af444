"""Reads TOML and environment into :class:`~idlebell.config.settings.Settings`, and tells every fault at once.

A fault is a line: ``[imap] idle_restart_second: unknown key; did you mean idle_restart_seconds? (file.toml)``.
No line holds a value that could be a secret: values are named by their kind only.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from idlebell.config.rules import Broken, broken
from idlebell.config.settings import Ingest, OAuthClient, Section, Settings, Watch
from idlebell.config.values import Parse, kind_of

PREFIX = "IDLEBELL_"
MAX_FILE_BYTES = 1 << 20
"""A configuration is never larger; a wrong path may lead to something that is."""
NAMES_TOLD: Final = 8
"""A longer list hides what it is to show; the reference has it."""
LISTS: Mapping[str, type[Section]] = MappingProxyType({"watch": Watch, "ingest": Ingest})
"""Sections that are lists of tables."""

S = TypeVar("S", bound=Section)


class ConfigError(Exception):
    """``lines``: one sentence a fault."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True, slots=True)
class _Given:
    """A value and where it came from. ``spelled``: it is a string of the environment, to be read as its key wants it."""

    value: Any
    source: str
    spelled: bool = False


@dataclass(slots=True)
class _Faults:
    lines: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def add(self, section: str, key: str, message: str, source: str) -> None:
        place = f"{heading(section)} {key}".strip() + ": " if section or key else ""
        self.lines.append(f"{place}{message} ({source})")
        self.refused.add(f"{section}.{key}" if key else section)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings out of a file (None: the defaults) and the environment, which wins. ConfigError names all faults."""
    faults = _Faults()
    given: dict[str, Any] = {}
    if path is not None:
        _read_file(given, _toml(path), path.name, faults)
    _read_environment(given, environ, faults)
    settings = _settings(given, faults)
    for verdict in broken(settings):
        if not faults.refused & {*verdict.keys, *(_section_of(key) for key in verdict.keys)}:
            faults.lines.append(line_of(verdict, path.name if path is not None else "environment"))
    if faults.lines:
        raise ConfigError(faults.lines)
    return settings


def line_of(verdict: Broken, source: str) -> str:
    section, _, key = verdict.keys[0].rpartition(".")
    return f"{heading(section)} {key}: {verdict.message} ({source})"


def heading(section: str) -> str:
    """As TOML writes it: ``[imap]``, and ``[[watch]] 2`` for the second of a list."""
    name, _, rest = section.partition(".")
    if name in LISTS:
        return f"[[{name}]] {rest}".strip()
    return f"[{section}]" if section else ""


def _section_of(key: str) -> str:
    return key.rpartition(".")[0]


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError([f"{path}: larger than 1 MiB, so not a configuration"])
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: not UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from None
    except RecursionError:
        raise ConfigError([f"{path}: not TOML: nested too deep"]) from None


def _read_file(given: dict[str, Any], document: dict[str, Any], source: str, faults: _Faults) -> None:
    for section, content in document.items():
        if section not in Settings.__struct_fields__:
            faults.add("", f"[{section}]", _unknown(section, Settings.__struct_fields__, "section"), source)
        elif section in LISTS:
            given[section] = _Given(content, source)
        elif not isinstance(content, dict):
            faults.add(section, "", f"expected a table, got {kind_of(content)}", source)
        elif section == "oauth":
            given[section] = _oauth_tables(content, source, faults)
        else:
            given[section] = {key: _Given(value, source) for key, value in content.items()}


def _oauth_tables(content: dict[str, Any], source: str, faults: _Faults) -> dict[str, dict[str, _Given]]:
    tables = {}
    for name, table in content.items():
        if isinstance(table, dict):
            tables[name] = {key: _Given(value, source) for key, value in table.items()}
        else:
            faults.add("oauth", name, f"expected a table [oauth.{name}], got {kind_of(table)}", source)
    return tables


def _read_environment(given: dict[str, Any], environ: Mapping[str, str], faults: _Faults) -> None:
    sections = Settings.__struct_fields__
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        first, *rest = variable.removeprefix(PREFIX).lower().split("__")
        value = _Given(environ[variable], variable, spelled=True)
        if first in LISTS and not rest:
            found = _json(value, faults, first, "")
            if found is not None:
                given[first] = found
        elif first == "oauth" and len(rest) == 2:
            given.setdefault(first, {}).setdefault(rest[0], {})[rest[1]] = value
        elif first in sections and first not in LISTS and first != "oauth" and len(rest) == 1:
            given.setdefault(first, {})[rest[0]] = value
        elif rest or first in sections or any(first.startswith(f"{section}_") for section in sections):
            faults.add("", "", f"{variable}: {_unknown_variable(first, rest)}", "environment")


def _unknown_variable(first: str, rest: list[str]) -> str:
    if first in LISTS or first == "oauth":
        usage = f"{PREFIX}OAUTH__NAME__KEY" if first == "oauth" else f"{PREFIX}{first.upper()} with a JSON list"
        return f"write {usage}"
    known = [
        f"{section}__{key}"
        for section, part in get_type_hints(Settings).items()
        if isinstance(part, type) and issubclass(part, Section)
        for key in part.__struct_fields__
    ]
    near = difflib.get_close_matches("__".join([first, *rest]), known, n=1, cutoff=0.5)
    hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
    return f"unknown key{hint}"


def _settings(given: dict[str, Any], faults: _Faults) -> Settings:
    sections: dict[str, Any] = {}
    for name, part in get_type_hints(Settings).items():
        if name not in given:
            continue
        if name in LISTS:
            sections[name] = _list_of(LISTS[name], name, given[name], faults)
        elif name == "oauth":
            clients = {key: _section(OAuthClient, f"oauth.{key}", table, faults) for key, table in given[name].items()}
            sections[name] = MappingProxyType({key: client for key, client in clients.items() if client is not None})
        else:
            sections[name] = _section(part, name, given[name], faults)
    return Settings(**sections)


def _list_of(part: type[S], name: str, given: _Given, faults: _Faults) -> tuple[S, ...]:
    if not isinstance(given.value, list) or not all(isinstance(item, dict) for item in given.value):
        faults.add(name, "", "expected a list of tables", given.source)
        return ()
    built = []
    for number, item in enumerate(given.value, 1):
        entries = {str(key): _Given(value, given.source) for key, value in item.items()}
        section = _section(part, f"{name}.{number}", entries, faults, given.source)
        if section is not None:
            built.append(section)
    # Rules count the tables: with one left out, their numbers would be wrong.
    return tuple(built) if len(built) == len(given.value) else ()


def _section(part: type[S], name: str, given: Mapping[str, _Given], faults: _Faults, source: str = "") -> S | None:
    """The section, with defaults for keys that are refused; None where a key without a default is missing or refused."""
    hints = get_type_hints(part, include_extras=True)
    built: dict[str, Any] = {}
    for key, entry in given.items():
        if key not in part.__struct_fields__:
            faults.add(name, key, _unknown(key, part.__struct_fields__, "key"), entry.source)
            continue
        try:
            built[key] = _value(hints[key], entry)
        except ValueError as error:
            faults.add(name, key, str(error), entry.source)
    for info in msgspec.structs.fields(part):
        if info.required and info.name not in given:
            faults.add(name, info.name, "is missing", source)
    if any(info.required and info.name not in built for info in msgspec.structs.fields(part)):
        return None
    return part(**built)


def _value(hint: Any, entry: _Given) -> Any:
    parse = next((item for item in getattr(hint, "__metadata__", ()) if isinstance(item, Parse)), None)
    value = entry.value
    plain_text = parse.spelled == "string" if parse is not None else _is_literal(hint)
    if entry.spelled and not plain_text:
        try:
            value = json.loads(value, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise ValueError(f"expected {_expected(hint, parse)}, as JSON") from None
    if parse is not None:
        return parse.function(value)
    if _is_literal(hint):
        if value not in get_args(hint) or not isinstance(value, str):
            raise ValueError(f"expected {_expected(hint, None)}")
        return value
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError:
        raise ValueError(f"expected {_expected(hint, None)}, got {_shown(value)}") from None


def _shown(value: Any) -> str:
    """Numbers are no secrets, and seeing them helps."""
    return str(value) if type(value) in (int, float) else kind_of(value)


def _expected(hint: Any, parse: Parse | None) -> str:
    if parse is not None:
        return "a list or a table"
    if _is_literal(hint):
        return " or ".join(f'"{name}"' for name in get_args(hint))
    if hint is bool:
        return "true or false"
    base = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    name = "an integer" if base is int else "a number"
    for meta in getattr(hint, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta):
            return f"{name} from {meta.ge} to {meta.le}"
    return name


def _is_literal(hint: Any) -> bool:
    return get_origin(hint) is Literal


def _json(entry: _Given, faults: _Faults, section: str, key: str) -> _Given | None:
    try:
        return _Given(json.loads(entry.value, parse_constant=_no_constant), entry.source)
    except (ValueError, RecursionError):
        faults.add(section, key, "expected a list of tables, as JSON", entry.source)
        return None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unknown(name: str, known: Iterable[str], what: str) -> str:
    names = list(known)
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    if near:
        return f"unknown {what}; did you mean {near[0]}?"
    return f"unknown {what}; known: {', '.join(names)}" if len(names) <= NAMES_TOLD else f"unknown {what}"
