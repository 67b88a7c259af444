"""From TOML and environment to settings, or to every fault at once."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.config import Address, ConfigError, Settings, load
from idlebell.config.settings import Section
from idlebell.model.account import Retention, Tls

VARIABLES = [
    f"IDLEBELL_{part.upper()}__{key}" for part in Settings.__struct_fields__ for key in ("LISTEN", "URL", "ALLOW")
]


WATCH = '[[watch]]\nurl = "imaps://a@h"\nexec = "x"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.toml"
    path.write_text(text)
    return path


def faults(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text), environ or {})
    return list(caught.value.lines)


def test_without_file_and_environment_the_defaults_stand():
    assert load(None, {}) == Settings()


def test_an_unknown_key_is_refused_with_the_nearest_name_and_its_place(tmp_path):
    assert faults(tmp_path, "[imap]\nidle_restart_second = 300\n") == [
        "[imap] idle_restart_second: unknown key; did you mean idle_restart_seconds? (file.toml)"
    ]


def test_an_unknown_key_with_no_near_name_is_refused_with_all_names_of_a_short_section(tmp_path):
    assert faults(tmp_path, '[store]\npath = "a.db"\n') == [
        "[store] path: unknown key; known: url, key_file (file.toml)"
    ]


def test_a_domain_that_no_user_name_ends_in_is_refused(tmp_path):
    for domain in ("@example.org", "alice@example.org", "example.org ", ""):
        (line,) = faults(
            tmp_path, f'[front]\nlisten = "127.0.0.1:1143"\nupstreams = {{"{domain}" = "imap.example.org:993"}}\n'
        )
        assert line.startswith("[front] upstreams: write the domain alone, as in example.org; ")


def test_all_faults_are_told_at_once(tmp_path):
    lines = faults(
        tmp_path,
        '[imap]\npoll_seconds = "x"\nfoo = 1\n[push]\nflood_per_minute = -1\n[sevrer]\n[log]\nlevel = "loud"\n',
    )
    assert len(lines) == 5
    assert "[sevrer]: unknown section; did you mean server? (file.toml)" in lines
    assert "[imap] poll_seconds: expected an integer from 1 to 86400, got a string (file.toml)" in lines
    assert "[push] flood_per_minute: expected an integer from 0 to 100000, got -1 (file.toml)" in lines
    assert '[log] level: expected "debug" or "info" or "warning" or "error" (file.toml)' in lines


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[server]\nlisten = "0.0.0.0:80"', "anyone who reaches 0.0.0.0:80"),
        ('[server]\nlisten = "nowhere"', "expected HOST:PORT"),
        ('[server]\nlisten = "h:70000"', "the port must be 0 to 65535"),
        ('[server]\nlisten = "999.1.1.1:80"', "host name or an address"),
        ('[server]\ntls_key = "k.pem"', "[server] tls_certificate: is missing"),
        ('[server]\ntls_certificate = "c.pem"', "[server] tls_key: is missing"),
        ('[server]\ntrusted_proxies = ["10.0.0.1/8"]', "host bits set"),
        ('[server]\ntrusted_proxies = "10.0.0.0/8"', "expected a list of strings"),
        ('[server]\ncors = ["https://app.example.org/"]', "origins like"),
        ('[server]\npublic_url = "push.example.org"', "a URL like"),
        ('[server]\nregistration = "closed"', '"open" or "key"'),
        ('[server]\nallow_open = "yes"', "true or false, got a string"),
        ('[store]\nurl = "nats://host:4222"', "a cluster's store on NATS is not built yet"),
        ('[store]\nurl = "postgres:x"', "expected sqlite:PATH"),
        ("[imap]\nidle_restart_seconds = 60", "from 120 to 1740"),
        ("[imap]\nidle_restart_seconds = true", "expected an integer"),
        ("[imap]\nprobe_seconds = 5", "must be 0"),
        ("[imap]\npark_after_seconds = nan", "from 0"),
        ('[imap]\nsource_addresses = ["x"]', "addresses like"),
        ('[network]\nproxy = "https://proxy:3128"', "spoken to in clear"),
        ('[push]\nvapid_subject = "alice@example.org"', "mailto:NAME@HOST"),
        ('[push]\nvapid_subject = "mailto:<alice@example.org>"', "mailto:NAME@HOST"),
        ("[network]\nallow_plaintext = true", "works only on networks in allow"),
        ('[network]\nallow = ["300.0.0.0/8"]', "networks like"),
        ("[network]\nimap_ports = [0]", "1 to 65535"),
        ('[credentials]\nretention = ["vault"]', "vault needs vault_key_file or vault_key_command, or a systemd"),
        ('[credentials]\nvault_key_file = "idlebell.db.key"', "is the store's key, which every backup holds"),
        ('[credentials]\nretention = ["for ever"]', "session, keys, memory, vault"),
        ("[credentials]\nretention = []", "at least one"),
        ('[credentials]\nvault_key_file = "a"\nvault_key_command = "b"', "not both"),
        ('[front]\nlisten = "127.0.0.1:143"', "[front] upstream: is missing"),
        ('[front]\nlisten = "0.0.0.0:143"\nupstream = "h:993"', "without TLS the front listens on loopback only"),
        ("imap = 3", "expected a table, got an integer"),
        ("watch = 3", "expected a list of tables"),
        ("[oauth]\ngoogle = 3", "expected a table [oauth.google]"),
        ('[oauth.Corp]\nclient_id = "a"', "[oauth.Corp] client_id: NAME is 1 to 40 letters"),
        ('[oauth.corp]\nclient_id = "a"', "[oauth.corp] hosts: is missing; which IMAP servers take its tokens?"),
        ('[oauth.corp]\nclient_id = "a"', "[oauth.corp] issuer: is missing"),
        ('[oauth.corp]\nclient_id = "a"\ntoken_url = "https://a"', "[oauth.corp] token_url: authorization_url and"),
        ('[oauth.google]\nclient_id = "a"\nissuer = "http://a"', "[oauth.google] issuer: must be an https URL"),
        ('[oauth.google]\ntoken_url = "https://a/#b"', "without a fragment"),
        ('[oauth.google]\nscopes = ["a b"]', "expected a list of scopes"),
        (
            '[server]\nlisten = "0.0.0.0:80"\nallow_open = true\n[oauth.google]\nclient_id = "a"',
            "[server] public_url: is missing; a provider sends browsers back",
        ),
        ("[[watch]]\nexec = 'x'", "[[watch]] 1 url: is missing"),
        ("[[ingest]]\n", "each mail server needs a name"),
        ('[[ingest]]\nname = "a:b"\nkey_file = "k"', "[[ingest]] 1 name: is 1 to 64 letters"),
        ('[[ingest]]\nname = "a"', "[[ingest]] 1 key_file: is missing"),
        ('[[ingest]]\nname = "a"\nkey_file = "k"\nusers = ["@"]', "expected names of users"),
        ('[[ingest]]\nname = "a"\nkey_file = "k"\nform = "xo"', "form"),
        ('[credentials]\ndoor = "process"\n[[ingest]]\nname = "a"\nkey_file = "k"', "lets no reports through yet"),
        ('[canary]\naccount = "imaps://a@h"', "[canary] password_file: is missing"),
        ('[canary]\naccount = "imaps://a@h"', "[canary] smtp: is missing"),
        ('[canary]\naccount = "imaps://a@h"', "[canary] recipient: is missing; the user name is no address"),
        ('[canary]\nsmtp = "smtps://h"', "[canary] account: is missing"),
        ('[canary]\nsmtp = "https://h"', "must begin with smtps://"),
        ('[canary]\naccount = "imap+plain://a@h"', "[canary] account: a connection without TLS needs"),
        ('[canary]\naccount = "imaps://a@h"\nsmtp = "smtp+plain://h"', "[canary] smtp: a connection without TLS needs"),
        (
            '[imap]\nonly_hosts = ["x"]\n[canary]\naccount = "imaps://a@h"',
            "[canary] account: names a server that is not",
        ),
        ('[canary]\nsender = "Ringer <a@h>"', "an address like"),
        ('[canary]\naccount = "imaps://a@h"\nclient_key = "k"', "[canary] client_certificate: is missing beside"),
        ('[[watch]]\nurl = "imaps://a@h"\nclient_key = "k"', "client_certificate: is missing beside client_key"),
        (f'{WATCH}password_file = "p"\ntoken_command = "t"', "give password_file or token_command, not both"),
        (f'{WATCH}token_command = "t"\nclient_certificate = "c"', "goes beside a password or alone, not with token_co"),
        (f'{WATCH}oauth = "corp"', "refresh_token_file: is missing beside oauth"),
        (f'{WATCH}refresh_token_file = "r"\npassword_file = "p"', "oauth: is missing beside refresh_token_file"),
        (f'{WATCH}oauth = "corp"\nrefresh_token_file = "r"', "names no section [oauth.corp] with a client_id"),
        (
            f'{WATCH}oauth = "google"\nrefresh_token_file = "r"\n[oauth.google]\nclient_id = "a"',
            "[oauth.google] hosts does not name this server",
        ),
        (
            f'{WATCH}oauth = "google"\nrefresh_token_file = "r"\n[credentials]\ndoor = "process"',
            "with a door process use token_command",
        ),
        ('[[watch]]\nurl = "imap+plain://a@h"\nclient_certificate = "c"', "client_certificate: needs TLS"),
        ('[[watch]]\nurl = "imaps://a@h"\nexec = "x"', "password_command, token_command, oauth or client_certificate"),
        ('[canary]\nrecipient = "zoë@example.org"', "an address like"),
        ("[canary]\nevery_seconds = 30", "from 60 to 86400"),
        ("[canary]\nlate_seconds = 0", "from 1 to 86400"),
        ("a = ", "not TOML"),
    ],
)
def test_what_is_wrong_is_told_with_its_mend(tmp_path, text, words):
    assert words in "\n".join(faults(tmp_path, text))


@pytest.mark.parametrize("pins", [f'"{"0" * 64}"', f'["{"0" * 64}", "{"A" * 42}E="]'])
def test_a_declared_account_may_pin_keys(tmp_path, pins):
    text = f'[[watch]]\nurl = "imaps://a@h"\npassword_file = "a"\nexec = "x"\ntls_pin_sha256 = {pins}'
    (watch,) = load(write(tmp_path, text), {}).watch
    assert watch.target == replace(watch.url.target, trust=watch.tls_pin_sha256)
    assert len(watch.target.trust.pins) == pins.count(",") + 1


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('url = "imaps://alice@h"\nnotify = ["https://p"]', "[[watch]] 1 password_file: is missing"),
        (
            'url = "imaps://alice@h"\nnotify = ["https://p"]\npassword_file = "a"\npassword_command = "b"',
            "give password_file or password_command, not both",
        ),
        ('url = "imaps://alice@h"\npassword_file = "a"', "[[watch]] 1 notify: is missing"),
        ('url = "imaps://alice:hunter2@h"\npassword_file = "a"\nexec = "x"', "a password must not stand in the URL"),
        ('url = "https://h"\npassword_file = "a"\nexec = "x"', "must begin with imaps://"),
        ('url = "imap+plain://a@h"\npassword_file = "a"\nexec = "x"', "needs network.allow_plaintext"),
        ('url = "imaps://a@h"\npassword_file = "a"\nnotify = ["hunter2"]', "expected URLs of endpoints"),
        (
            'url = "imaps://a@h"\npassword_file = "a"\nexec = "x"\nfilter = {form = "b"}',
            "[[watch]] 1 filter: /form is no condition; did you mean from?",
        ),
        ('url = "imaps://a@h"\npassword_file = "a"\nexec = "x"\nfilter = "boss"', "expected a filter as JSON"),
        ('url = "imaps://a@h"\npassword_file = "a"\nexec = "x"\ntls_pin_sha256 = "ab"', "SHA-256 of a public key"),
        (
            f'url = "imap+plain://a@h"\npassword_file = "a"\nexec = "x"\ntls_pin_sha256 = "{"0" * 64}"',
            "[[watch]] 1 tls_pin_sha256: needs TLS",
        ),
    ],
)
def test_a_declared_account_says_what_it_lacks(tmp_path, lines, words):
    told = "\n".join(faults(tmp_path, f"[[watch]]\n{lines}"))
    assert words in told
    assert "hunter2" not in told


def test_a_declared_account_is_read(tmp_path):
    settings = load(
        write(
            tmp_path,
            '[[watch]]\nurl = "imap://a%40b@Imap.Example.org/Lists%2Fx"\npassword_file = "p"\nnotify = ["https://x/secret"]',
        ),
        {},
    )
    (watch,) = settings.watch
    assert (watch.url.target.host, watch.url.target.port, watch.url.target.tls) == (
        "imap.example.org",
        143,
        Tls.STARTTLS,
    )
    assert (watch.url.username, watch.url.mailbox) == ("a@b", "Lists/x")
    assert "secret" not in repr(settings)


def test_secrets_are_in_no_repr():
    settings = load(
        None,
        {
            "IDLEBELL_NETWORK__PROXY": "http://user:hunter2@proxy.example.org:3128",
            "IDLEBELL_CREDENTIALS__VAULT_KEY_COMMAND": "echo hunter2",
            "IDLEBELL_WATCH": json.dumps(
                [
                    {
                        "url": "imaps://a@h",
                        "password_command": "echo hunter2",
                        "exec": "hunter2",
                        "notify": ["https://h/hunter2"],
                    }
                ]
            ),
        },
    )
    assert settings.watch[0].password_command == "echo hunter2"
    assert "hunter2" not in repr(settings)


def test_the_environment_wins_over_the_file(tmp_path):
    settings = load(
        write(tmp_path, '[log]\nlevel = "debug"\nformat = "json"\n'),
        {"IDLEBELL_LOG__LEVEL": "warning", "OTHER": "x", "IDLEBELL_CONFIG": "x"},
    )
    assert (settings.log.level, settings.log.format) == ("warning", "json")


def test_the_environment_spells_lists_and_tables_as_json():
    settings = load(
        None,
        {
            "IDLEBELL_NETWORK__ALLOW": '["127.0.0.0/8", "fd00::/8"]',
            "IDLEBELL_NETWORK__ALLOW_PLAINTEXT": "true",
            "IDLEBELL_IMAP__POLL_SECONDS": "30",
            "IDLEBELL_SERVER__LISTEN": "[::1]:0",
            "IDLEBELL_CREDENTIALS__RETENTION": '["session"]',
            "IDLEBELL_OAUTH__GOOGLE__CLIENT_ID": "abc",
            "IDLEBELL_FRONT__UPSTREAMS": '{"Example.org": "imap.example.org:993"}',
        },
    )
    assert settings.network.allow == (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
    assert settings.network.allow_plaintext is True
    assert settings.imap.poll_seconds == 30
    assert settings.server.listen == Address("::1", 0)
    assert settings.credentials.retention == (Retention.SESSION,)
    assert settings.oauth["google"].client_id == "abc"
    assert settings.front.upstreams["example.org"] == Address("imap.example.org", 993)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("IDLEBELL_IMAP__POL_SECONDS", "3", "did you mean poll_seconds?"),
        ("IDLEBELL_SERVER_LISTEN", "x", "did you mean IDLEBELL_SERVER__LISTEN?"),
        ("IDLEBELL_SERVR__LISTEN", "x", "did you mean IDLEBELL_SERVER__LISTEN?"),
        ("IDLEBELL_PUSH__VERIFY_ENDPOINTS", "yes", "true or false"),
        ("IDLEBELL_NETWORK__ALLOW", "127.0.0.0/8", "as JSON"),
        ("IDLEBELL_WATCH", "imaps://x", "as JSON"),
        ("IDLEBELL_WATCH__URL", "x", "with a JSON list"),
        ("IDLEBELL_IMAP__CONNECT_RATE", "NaN", "as JSON"),
        ("IDLEBELL_IMAP__CONNECT_RATE", "[" * 100_000, "as JSON"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(variable, value, words):
    with pytest.raises(ConfigError) as caught:
        load(None, {variable: value})
    assert variable in str(caught.value)
    assert words in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml", {})
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * (1 << 20) + b"##")
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load(big, {})
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"# \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(latin, {})


@given(
    st.dictionaries(
        st.from_regex(r"IDLEBELL_[A-Z_]{0,20}", fullmatch=True)
        | st.sampled_from(
            [
                f"IDLEBELL_{s.upper()}__{k.upper()}"
                for s in Settings.__struct_fields__
                for k in ("LISTEN", "URL", "ALLOW")
            ]
        ),
        st.text(max_size=30),
        max_size=5,
    )
)
def test_no_environment_does_worse_than_being_refused(environ):
    try:
        found: object = load(None, environ)
    except ConfigError as error:
        found = error.lines
    assert isinstance(found, Section) or found
