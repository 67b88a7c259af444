"""Dovecot's Sieve, asked what it would do: ``sieve-test`` of Pigeonhole on scripts and messages, all in one sandbox."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from servers import packages
from servers.sandbox import Sandbox

RUN_SECONDS = 300

_CONFIGURATION = """\
base_dir = {folder}/run
mail_location = maildir:{folder}/Maildir
mail_home = {folder}/home
first_valid_uid = 1
ssl = no
"""
_LOOP = """\
export LD_LIBRARY_PATH=/usr/lib/dovecot
export TZ=UTC
cd {folder}
for script in *.sieve; do
  if sievec -c dovecot.conf $script compiled.svbin >$script.said 2>&1; then
    for message in *.eml; do
      sieve-test -c dovecot.conf -r alice@example.org -f sender@example.net $script $message \\
        >$script.$message.out 2>&1 || echo "status $?" >>$script.$message.out
    done
  fi
  echo "#### $script"
  cat $script.said
  for message in *.eml; do
    if [ -e $script.$message.out ]; then echo "## $message"; cat $script.$message.out; fi
  done
done
"""
_STORED = re.compile(r"^ \* store message in folder: (.*)$")
_FLAGS = re.compile(r"^\s+\+ (?:add|set) IMAP flags: ?(.*)$")


@dataclass(frozen=True, slots=True)
class Done:
    """``stored``: mailboxes, each with the flags that are set there, the implicit keep among them."""

    stored: tuple[tuple[str, tuple[str, ...]], ...]
    notified: bool
    failed: bool

    def rings(self, notifies: bool) -> bool:
        """As the table of the manual has it, for a message in INBOX. ``notifies``: the script has a ``notify``."""
        if notifies:
            return self.notified
        return any(
            mailbox.upper() == "INBOX" and not {"\\seen", "\\deleted"} & {flag.lower() for flag in flags}
            for mailbox, flags in self.stored
        )


def ask(scripts: Mapping[str, str], messages: Mapping[str, bytes]) -> dict[tuple[str, str], Done | str]:
    """By script and message; a string where the script was refused: what was said. Messages have names of one word."""
    sandbox = Sandbox("dovecot", packages.find("dovecot"))
    try:
        sandbox.write("dovecot.conf", _CONFIGURATION.format(folder=sandbox.folder))
        numbered = {f"{number:05}.sieve": name for number, name in enumerate(scripts)}
        for file, name in numbered.items():
            sandbox.write(file, scripts[name])
        for name, content in messages.items():
            sandbox.write(f"{name}.eml", content)
        loop = sandbox.write("loop.sh", _LOOP.format(folder=sandbox.folder))
        printed = sandbox.run("sh", str(loop), seconds=RUN_SECONDS).decode(errors="surrogateescape")
    finally:
        sandbox.close()
    found: dict[tuple[str, str], Done | str] = {}
    for part in printed.split("#### ")[1:]:
        said, *runs = part.split("\n## ")
        file, _, refused = said.partition("\n")
        if not runs:
            found |= {(numbered[file], message): refused.strip() for message in messages}
        for run in runs:
            message, _, out = run.partition("\n")
            found[numbered[file], message.removesuffix(".eml")] = _read(out)
    return found


def ask_tests(
    tests: Mapping[str, tuple[str, Sequence[str]]], messages: Mapping[str, bytes]
) -> dict[tuple[str, str], bool | str]:
    """``tests``: by name, each with the extensions that it requires. By test and message, is it true? A string: the script in
    which it stood was refused. Many tests make one script: each sets a flag of its own."""
    batches: dict[tuple[str, ...], list[str]] = {}
    for name, (_, extensions) in tests.items():
        batches.setdefault(tuple(sorted(set(extensions))), []).append(name)
    numbers = {name: f"t{number}" for number, name in enumerate(tests)}
    scripts = {}
    for extensions, names in batches.items():
        lines = [f'require "{one}";' for one in ("imap4flags", *extensions)]
        lines += [f'if {tests[name][0]} {{ addflag "{numbers[name]}"; }}' for name in names]
        scripts[" ".join(extensions)] = "\n".join(lines)
    said = ask(scripts, messages)
    found: dict[tuple[str, str], bool | str] = {}
    for extensions, names in batches.items():
        for message in messages:
            done = said[" ".join(extensions), message]
            flags = done if isinstance(done, str) else done.stored[0][1]
            found |= {(name, message): flags if isinstance(flags, str) else numbers[name] in flags for name in names}
    return found


def _read(out: str) -> Done:
    stored: list[tuple[str, tuple[str, ...]]] = []
    for line in out.splitlines():
        if (folder := _STORED.match(line)) is not None:
            stored.append((folder[1], ()))
        elif (flags := _FLAGS.match(line)) is not None and stored:
            stored[-1] = (stored[-1][0], tuple(flags[1].split()))
    return Done(tuple(stored), " * send notification" in out, "final result: success" not in out)
