"""Ways to write a host that must not be reached: each spelling of an address that some parser takes, and each way to carry an
IPv4 address inside an IPv6 one."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from idlebell.net.addresses import IANA_BLOCKS, METADATA

TARGETS = ("127.0.0.1", "169.254.169.254", "10.0.0.1")
"""This machine, a cloud's metadata service, somebody's network."""

_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def spelled(text: str) -> list[str]:
    """Of one IPv4 address. None of them is its canonical form."""
    number = int(IPv4Address(text))
    a, b, c, d = (int(part) for part in text.split("."))
    return [
        str(number),
        hex(number),
        hex(number).upper(),
        f"0x{number:016x}",
        f"0{number:o}",
        str(number + 2**32),
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"0x{a:x}.{number & 0xFFFFFF}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"000{a:o}.{b}.{c}.{d}",
        f"0x{a:x}.0{b:o}.{c}.{d}",
        f"{a}.{b}.{c}.0x{d:x}",
        f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"{a + 256}.{b}.{c}.{d}",
        f"{text}.",
        f".{text}",
        f"{a}..{b}.{c}.{d}",
        f"{text}.0",
        f"{text}/8",
        f"{text}%00.example.com",
        f"{text}\x00.example.com",
        f"{text}%2eexample.com",
        f"{text}#.example.com",
        f"{text}?.example.com",
        f"{text}\\.example.com",
        f"outside.example@{text}",
        f"{text}:993",
        f" {text}",
        f"{text}\n",
        f"{text}\t",
        text.replace(".", "。"),
        text.replace(".", "．"),
        text.replace(".", "｡"),
        text.replace(".", "%2e"),
        text.replace(".", "․"),
        text.translate(_CIRCLED),
        text.translate(_FULL_WIDTH),
        text.translate(_ARABIC),
        text.replace("1", "1\u00ad"),
        text.replace(".", ".\u200b"),
    ]


def inside(text: str) -> list[str]:
    """IPv6 addresses whose packets may end at an IPv4 one, in their canonical form."""
    number = int(IPv4Address(text))
    values = [
        number,  # IPv4-compatible
        0xFFFF << 32 | number,  # mapped
        0xFFFF << 48 | number,  # translated
        0x0064FF9B << 96 | number,  # NAT64
        0x0064FF9B0001 << 80 | number,  # NAT64 of local use
        0x2002 << 112 | number << 80,  # 6to4
        0x20010000 << 96 | 0x5DB8D822 << 64 | number ^ 0xFFFFFFFF,  # Teredo, as its client
        0x20010000 << 96 | number << 64 | 0x5DB8D822,  # Teredo, as its server
        0x2A00 << 112 | 0x00005EFE << 32 | number,  # ISATAP
        0x2A00 << 112 | 0x02005EFE << 32 | number,
    ]
    return [str(IPv6Address(value)) for value in values]


def spelled_inside(text: str) -> list[str]:
    """What is no canonical form of an IPv6 address."""
    return [
        f"::ffff:{text}",
        f"0:0:0:0:0:ffff:{text}",
        f"::ffff:0:{text}",
        f"::{text}",
        f"64:ff9b::{text}",
        f"[::ffff:{text}]",
        f"::ffff:{text}%lo",
    ]


LOCAL = (
    "0", "0.0.0.0", "127.1", "127.0.1", "0x7f.1", "0177.1", "::", "::1", "[::1]", "::01", "0:0:0:0:0:0:0:1", "0000::1",
    "::1%lo", "::1%25lo", "fe80::1", "fe80::1%eth0", "fe80::1%25eth0", "fec0::1", "fd00:ec2::254", "ff02::1", "3fff::1",
    "5f00::1", "[::1]evil", "::1]", "[::1", "localhost", "LOCALHOST", "localhost.", "ⓛocalhost", "ｌocalhost", "local%68ost",
    "local\thost", "127.1.1.1:80\\@127.2.2.2:80", "outside.example:22", "-localhost", "*.example", "", ".", "..", "a..b",
)  # fmt: skip


def hosts() -> tuple[str, ...]:
    """All of them, each once."""
    blocks = [
        str(block.network[1 if block.network.num_addresses > 1 else 0]) for block in IANA_BLOCKS if not block.public
    ]
    of_targets = [form for one in TARGETS for form in (one, *spelled(one), *inside(one), *spelled_inside(one))]
    return tuple(dict.fromkeys((*of_targets, *LOCAL, *blocks, *map(str, METADATA))))
