from __future__ import annotations

import json
from pathlib import Path

from idlebell.config import load
from idlebell.config.exposed import exposed


def test_files_of_secrets_that_everybody_can_read_are_told(tmp_path: Path) -> None:
    files = {}
    for name, mode in (
        ("shut", 0o600), ("group", 0o640), ("open", 0o644), ("written", 0o602), ("config", 0o644)
    ):  # fmt: skip
        files[name] = tmp_path / name
        files[name].write_text("x\n")
        files[name].chmod(mode)

    def told(notify: list[str], **environment: str) -> list[tuple[str, str]]:
        watch = [
            {"url": f"imaps://a@{one}.example", "password_file": str(tmp_path / one), "notify": notify, "exec": "true"}
            for one in ("shut", "group", "open", "written", "none")
        ]
        settings = load(None, {"IDLEBELL_WATCH": json.dumps(watch), **environment})
        return [(one.keys[0], one.message) for one in exposed(settings, files["config"])]

    passwords = [
        ("watch.3.password_file", f"{files['open']} can be read by everybody on this machine; run chmod o-rw {files['open']}"),
        (
            "watch.4.password_file",
            f"{files['written']} can be overwritten by everybody on this machine; run chmod o-rw {files['written']}",
        ),
    ]  # fmt: skip
    assert told([]) == passwords, "a configuration without secrets may be read"
    config = ("", f"{files['config']} can be read by everybody on this machine; run chmod o-rw {files['config']}")
    assert told(["https://hook.example/secret"]) == [config, *passwords]
    assert told([], IDLEBELL_NETWORK__PROXY="http://a:b@proxy.example:3128") == [config, *passwords]
    assert told([], IDLEBELL_CANARY__PASSWORD_FILE="/dev/null", IDLEBELL_CANARY__ACCOUNT="imaps://c%40c.example@c.example",
                IDLEBELL_CANARY__SMTP="smtps://c.example") == passwords  # fmt: skip
