"""Where a password, an access token and a refresh token are found after they were used: in all that the gateway writes, and in
the core of each of its processes, for each retention, with the door inside and in a process of its own.

    python bench/found_where.py [--write]

A gateway of its own (``idlebell serve``, log at debug) takes one registration for each row, each is watched and rings once;
then come a support bundle, a backup and its restore, and a core of each process (gcore, as root: neither process lets others
read its memory). A secret is looked for as it is, as hexadecimal digits, in UTF-16 and UTF-32, and inside the base64 of
anything.
``--write`` puts the table into docs/explanation/found-where.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from faults.secret_search import Life, core_of, count_in, life, password_spellings, random_word, spellings
from gateway_process import subscription
from idlebell.testing import mail

PAGE: Final = Path(__file__).resolve().parent.parent / "docs/explanation/found-where.md"
BEGIN: Final = "<!-- found where: drawn by ./run bench found_where --write -->\n"
END: Final = "<!-- end of found where -->\n"
RETENTIONS: Final = ("session", "keys", "memory", "vault")
BY_TOKEN: Final = ("session", "memory", "vault")
PLACES: Final = (
    "database and WAL",
    "log at debug",
    "answers",
    "support bundle",
    "backup, and restored",
    "argv and environ",
)
ROUNDS: Final = 2
"""Of each form: what Python's heap has left of something is not the same twice. The higher count is told."""


@dataclass(frozen=True)
class Wanted:
    name: str
    retention: str
    needles: list[bytes]


def configuration(folder: Path, door: str) -> str:
    retention = json.dumps(list(RETENTIONS))
    return f'[credentials]\ndoor = "{door}"\nretention = {retention}\nvault_key_file = "{folder / "vault.key"}"\n'


@asynccontextmanager
async def token_endpoint(given: dict[str, tuple[str, str]]) -> AsyncIterator[str]:
    """For a first refresh token the tokens that follow it. Gives its URL."""

    async def renew(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = int(next(line for line in head if line.startswith(b"content-length:")).split(b":")[1])
        body = await reader.readexactly(length)
        access, refresh = next(tokens for first, tokens in given.items() if first.encode() in body)
        answer = json.dumps({"access_token": access, "refresh_token": refresh, "expires_in": 3600}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(answer) + answer)
        writer.close()

    async with await asyncio.start_server(renew, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/token"


async def use_all(one: Life, url: str, tokens: dict[str, tuple[str, str, str, str]]) -> list[Wanted]:
    """``tokens``: of a retention, the first access and refresh token and those that follow."""
    wanted: list[Wanted] = []
    for retention in RETENTIONS:
        name, word = f"password-{retention}", random_word()
        one.server.behave(before_login=("SASL-IR", "AUTH=SCRAM-SHA-256" if retention == "keys" else "AUTH=PLAIN"))
        one.server.add_user(name, word)
        body = subscription(one.server.tls_port, name, word, hooks(one, name), retention=retention)
        await registered(one, name, body)
        wanted.append(Wanted("password", retention, password_spellings(name, word)))
    one.server.behave(before_login=("SASL-IR", "AUTH=XOAUTH2"))
    for retention in BY_TOKEN:
        name = f"token-{retention}"
        access, refresh, next_access, next_refresh = tokens[retention]
        one.server.add_user(name, "-", token=access)
        body = subscription(one.server.tls_port, name, "", hooks(one, name), retention=retention)
        auth = {"type": "oauth2", "access_token": access}
        if retention != "session":
            auth |= {"refresh_token": refresh, "token_url": url, "client_id": "app"}
        body["imap"]["auth"] = auth
        await registered(one, name, body)
        wanted.append(Wanted("access token", retention, spellings(access.encode())))
        if retention != "session":
            # Proven once at the registration, which got the next ones: the first are over.
            wanted[-1] = Wanted("access token, replaced", retention, spellings(access.encode()))
            wanted.append(Wanted("refresh token, replaced", retention, spellings(refresh.encode())))
            wanted.append(Wanted("access token of now", retention, spellings(next_access.encode())))
            wanted.append(Wanted("refresh token of now", retention, spellings(next_refresh.encode())))
    return wanted


def hooks(one: Life, name: str) -> dict[str, object]:
    return {"new_mail": one.service.make_webhook(name), "reconnect": one.service.make_webhook(f"{name}-lost")}


async def registered(one: Life, name: str, body: dict[str, object]) -> None:
    status, answer = await one.call("POST", "/v1/subscriptions", body)
    assert status == 201, answer
    one.server.deliver(name, mail.make(subject="ring"))
    await one.service.wait_for(lambda got: got.type == "new_mail", name=name)


def run(folder: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "idlebell", *words], check=False, capture_output=True, cwd=folder)


async def written(one: Life, folder: Path) -> dict[str, bytes]:
    """What lies in each place while the gateway runs."""
    config, passphrase = folder / "idlebell.toml", folder / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    passphrase.chmod(0o600)
    bundle, backup, restored = folder / "bundle.json", folder / "backup", folder / "restored"
    words = ["--config", str(config)]
    await asyncio.to_thread(run, folder, "doctor", "--bundle", str(bundle), "--log", str(one.gateway.log), *words)
    await asyncio.to_thread(run, folder, "backup", str(backup), "--passphrase-file", str(passphrase), *words)
    restored.mkdir()
    other = restored / "idlebell.toml"
    other.write_text(f'[store]\nurl = "sqlite:{restored}/idlebell.db"\n')
    there = ["restore", str(backup), "--passphrase-file", str(passphrase), "--config", str(other)]
    await asyncio.to_thread(run, folder, *there)
    assert bundle.stat().st_size > 1_000
    assert (restored / "idlebell.db").stat().st_size > 10_000
    pids = [one.gateway.pid, *children(one.gateway.pid)]
    told = [Path(f"/proc/{pid}/{name}").read_bytes() for pid in pids for name in ("cmdline", "environ")]
    names = (
        [entry.read_bytes() for entry in folder.glob("idlebell.db*")],
        [one.gateway.log.read_bytes()],
        ["\n".join(one.answers).encode()],
        [bundle.read_bytes()],
        [entry.read_bytes() for entry in (backup, *restored.rglob("*")) if entry.is_file()],
        told,
    )
    return {place: b"\0".join(data) for place, data in zip(PLACES, names, strict=True)}


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


async def a_life(door: str) -> tuple[list[Wanted], dict[str, bytes]]:
    tokens = {one: (random_word(), random_word(), random_word(), random_word()) for one in BY_TOKEN}
    follow = {refresh: (access, another) for _, refresh, access, another in tokens.values()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with token_endpoint(follow) as url, life(folder, configuration(folder, door)) as one:
            wanted = await use_all(one, url, tokens)
            places = await written(one, folder)
            cores = folder / "cores"
            cores.mkdir()
            doors = children(one.gateway.pid)
            assert len(doors) == (door == "process")
            for label, pid in zip(("core of the gateway", "core of the door"), (one.gateway.pid, *doors), strict=False):
                places[label] = await core_of(pid, cores)
            return wanted, places


async def table(door: str) -> str:
    most: dict[tuple[str, str], dict[str, int]] = {}
    for _ in range(ROUNDS):
        wanted, places = await a_life(door)
        for one in wanted:
            row = most.setdefault((one.name, one.retention), {})
            for place, data in places.items():
                row[place] = max(row.get(place, 0), count_in(data, one.needles))
    columns = list(places)
    lines = [f"| secret | retention | {' | '.join(columns)} |", "|---|---|" + "---|" * len(columns)]
    lines += [
        f"| {name} | `{retention}` | {' | '.join(str(row[place]) for place in columns)} |"
        for (name, retention), row in most.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    options = parser.parse_args()
    drawn = "".join(f'\n`door = "{door}"`\n\n{asyncio.run(table(door))}' for door in ("inside", "process"))
    print(drawn)
    if options.write:
        text = PAGE.read_text()
        before, _, rest = text.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{drawn}{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
