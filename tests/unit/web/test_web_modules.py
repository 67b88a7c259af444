"""The pure parts of the web client, in Node: what lies in the ``.test.js`` files beside this one."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from servers.node import ENVIRONMENT, node

HERE = Path(__file__).parent
SECONDS = 60.0


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's files and their tests, told to Node as modules: in a browser the page says that."""
    folder = tmp_path_factory.mktemp("web")
    with resources.as_file(resources.files("idlebell").joinpath("web")) as web:
        shutil.copytree(web, folder / "web")
    for one in HERE.iterdir():
        if one.suffix in (".js", ".json"):
            shutil.copy(one, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@pytest.mark.needs("node")
@pytest.mark.parametrize("name", sorted(one.name for one in HERE.glob("*.test.js")))
def test_a_module_of_the_web_client(room: Path, name: str) -> None:
    command = [node(), "--test", name]
    done = subprocess.run(
        command, cwd=room, capture_output=True, text=True, timeout=SECONDS, check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout or "ℹ fail 0" in done.stdout


@pytest.mark.needs("node")
def test_every_script_is_valid(room: Path) -> None:
    """Those too that no test loads, for they need a page."""
    for path in sorted((room / "web").rglob("*.js")):
        done = subprocess.run(
            [node(), "--check", path], capture_output=True, text=True, timeout=SECONDS, check=False, env=ENVIRONMENT
        )
        assert done.returncode == 0, done.stderr
