"""What one exchange moves over a line, and what it takes of the processors at its ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exchange:
    """IP packets and their bytes, headers included, up (from the phone) and down (to it)."""

    up_bytes: int
    down_bytes: int
    up_packets: int
    down_packets: int

    @property
    def total_bytes(self) -> int:
        return self.up_bytes + self.down_bytes

    @property
    def packets(self) -> int:
        return self.up_packets + self.down_packets

    def __add__(self, other: Exchange) -> Exchange:
        return Exchange(
            self.up_bytes + other.up_bytes,
            self.down_bytes + other.down_bytes,
            self.up_packets + other.up_packets,
            self.down_packets + other.down_packets,
        )

    def __sub__(self, other: Exchange) -> Exchange:
        return Exchange(
            self.up_bytes - other.up_bytes,
            self.down_bytes - other.down_bytes,
            self.up_packets - other.up_packets,
            self.down_packets - other.down_packets,
        )


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of CPU, user and system."""

    server_ms: float
    gateway_ms: float
