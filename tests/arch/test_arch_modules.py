"""What every module of the source keeps: who may catch everything, no state beside the objects, a size that one can read."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

import pytest

from arch.source import MODULES, Module

MODULE = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.path)

# --- who may catch everything ---

SUPERVISORS = {
    "canary/rounds.py": 1,
    "deliver/codes.py": 1,
    "deliver/dispatcher.py": 3,  # the round, the one notification under way, and what is made of it
    "deliver/heartbeats.py": 1,
    "watch/reminders.py": 1,
    "deliver/pruning.py": 1,
    "door/back.py": 1,  # an answer
    "door/neighbour.py": 1,
    "gateway/registration.py": 1,
    "login/renewals.py": 1,
    "net/apprise_worker.py": 1,  # a plugin of somebody else's, in a process of its own
    "store/sqlite/writer.py": 2,  # hands it to whoever waits for the batch, once all of it ran apart
    "watch/fleet.py": 4,  # the round, starting what it found, reconciling, and opening sessions again
}
"""Modules in which ``except Exception`` stands, and how often: a bug in one account or push ends there."""

EVERYTHING = {"Exception", "BaseException"}


def handlers(module: Module) -> Iterator[tuple[ast.ExceptHandler, set[str]]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            yield node, {"BaseException" if kind is None else ast.unparse(kind) for kind in kinds}


def gives_on(handler: ast.ExceptHandler) -> bool:
    """Whether it ends in a bare ``raise``: it cleans up and swallows nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_only_the_supervisors_swallow_whatever_comes() -> None:
    swallowing = Counter(
        module.path
        for module in MODULES
        for handler, kinds in handlers(module)
        if kinds & EVERYTHING and not gives_on(handler)
    )
    assert swallowing == SUPERVISORS


def test_nobody_swallows_a_cancellation() -> None:
    found = [
        f"{module.path}:{handler.lineno}"
        for module in MODULES
        for handler, kinds in handlers(module)
        if "BaseException" in kinds and not gives_on(handler)
    ]
    assert found == []


# --- no state at the level of a module ---

CHANGING = {
    *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "move_to_end", "pop", "popitem"),
    *("popleft", "remove", "reverse", "rotate", "setdefault", "sort", "subtract", "update"),
}
"""Methods that change a container of the standard library."""

HOLDERS = {
    *("bytearray", "Counter", "defaultdict", "deque", "OrderedDict", "Lock", "Event", "Queue", "Semaphore", "local"),
    *("ContextVar", "WeakKeyDictionary", "WeakSet", "WeakValueDictionary", "count", "cycle"),
}
"""What exists to be changed."""


MEMOS = {
    ("gateway/reading.py", "_fields"),  # of the shapes, which are as many as there are classes
    ("rules/compiled.py", "rule_of"),  # the last thousand filters that were asked for
    ("model/endpoint.py", "_host_of"),  # the last thousand origins of push services
    ("model/endpoint.py", "_origin_of"),
    ("push/services.py", "service_of"),  # the last thousand hosts of them
    ("telemetry/log_sink.py", "_shape"),  # of facts, which are as many as there are classes
    ("net/host_name.py", "parse_host"),  # the last hundreds of names that were read
    ("net/certificate.py", "_kept"),  # the last thousand certificates of servers
    ("gateway/when.py", "_zones"),  # the names of the time zones, a walk over hundreds of files
}
"""Functions whose answers may be kept: each says what bounds them."""


def own_names(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    """Names bound at the level of a module or class, with what they are bound to."""
    for statement in body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement.value
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            yield statement.target.id, statement.value
        elif isinstance(statement, ast.ClassDef):
            for name, value in own_names(statement.body):
                yield f"{statement.name}.{name}", value


def is_table(value: ast.expr) -> bool:
    """A dict, list or set that is written out."""
    return isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp)


def is_empty(value: ast.expr) -> bool:
    """A container with nothing in it at the start is there to be filled."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in ("dict", "list", "set") and not value.args and not value.keywords
    return (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.List) and not value.elts)


def changed(tree: ast.Module) -> set[str]:
    """Spelled names that something in the module changes in place."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            found.add(ast.unparse(node.value))
        elif isinstance(node, ast.AugAssign):
            found.add(ast.unparse(node.target))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            found.add(ast.unparse(node.func.value))
    return found


@MODULE
def test_nothing_is_kept_at_the_level_of_a_module(module: Module) -> None:
    """As far as a tree can tell: tables stay as they are written, nothing is rebound, nothing is cached for good."""
    faults = [f"line {node.lineno}: global" for node in ast.walk(module.tree) if isinstance(node, ast.Global)]
    altered = changed(module.tree)
    for name, value in own_names(module.tree.body):
        kind = value.func if isinstance(value, ast.Call) else None
        called = kind.id if isinstance(kind, ast.Name) else kind.attr if isinstance(kind, ast.Attribute) else ""
        if is_empty(value) or called in HOLDERS:
            faults.append(f"{name} is there to be filled")
        elif is_table(value) and name in altered:
            faults.append(f"{name} is changed")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (module.path, node.name) not in MEMOS:
            faults += [f"{node.name} is cached" for one in node.decorator_list if "cache" in ast.unparse(one)]
    assert faults == []


# --- a size that one can read ---

LINES = 450
LONGER = {
    "model/problem.py",  # the one table of errors, a page to print rather than code to follow
}
"""Files that may be longer. One that has become shorter leaves the list; nothing joins it without a word why."""


def test_no_file_is_longer_than_one_can_read() -> None:
    lengths = {module.path: module.text.count("\n") for module in MODULES}
    assert {path for path, length in lengths.items() if length > LINES} == LONGER
