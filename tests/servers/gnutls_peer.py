"""A TLS 1.3 server on GnuTLS, whose library Debian's apt brings, by ctypes: it can pad, cut and change keys as told.

    python gnutls_peer.py PORT PEM CIPHER

One connection. What it hears goes to stdout; each line of stdin is a command:

    say TEXT            padded BYTES TEXT       cut BYTES TEXT (so many a record)
    update              update-both             ticket            alert NUMBER          bye
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import select
import socket
import sys
from typing import Final

SERVER: Final = 1  # gnutls.h
CERTIFICATE: Final = 1
PEM_FORMAT: Final = 1
UPDATE_PEER: Final = 1
AGAIN: Final = -28
FATAL: Final = 2
SHUT_WRITE: Final = 1


def load() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("gnutls")
    try:
        return ctypes.CDLL(name) if name else None
    except OSError:
        return None


class Datum(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_uint))


class Session:
    def __init__(self, library: ctypes.CDLL, pem: str, cipher: str, sock: socket.socket) -> None:
        self.library = library
        self.credentials, self.session, self.key = ctypes.c_void_p(), ctypes.c_void_p(), Datum()
        self.call("certificate_allocate_credentials", ctypes.byref(self.credentials))
        self.call("certificate_set_x509_key_file", self.credentials, pem.encode(), pem.encode(), PEM_FORMAT)
        self.call("init", ctypes.byref(self.session), SERVER)
        priority = f"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+{cipher}"
        self.call("priority_set_direct", self.session, priority.encode(), None)
        self.call("credentials_set", self.session, CERTIFICATE, self.credentials)
        self.call("session_ticket_key_generate", ctypes.byref(self.key))
        self.call("session_ticket_enable_server", self.session, ctypes.byref(self.key))
        library.gnutls_transport_set_int2(self.session, sock.fileno(), sock.fileno())
        self.call("handshake", self.session)

    def call(self, name: str, *arguments: object) -> int:
        result = getattr(self.library, f"gnutls_{name}")(*arguments)
        if result < 0 and result != AGAIN:
            self.library.gnutls_strerror.restype = ctypes.c_char_p
            self.library.gnutls_alert_send_appropriate(self.session, result)
            raise RuntimeError(f"{name}: {self.library.gnutls_strerror(result).decode()}")
        return int(result)

    def send(self, data: bytes, padding: int = 0) -> None:
        self.call("record_send2", self.session, data, ctypes.c_size_t(len(data)), ctypes.c_size_t(padding), 0)

    def receive(self) -> bytes | None:
        """None: nothing for us in that record; empty: it has ended in an orderly way."""
        buffer = ctypes.create_string_buffer(65_536)
        size = self.call("record_recv", self.session, buffer, ctypes.c_size_t(len(buffer)))
        return None if size == AGAIN else buffer.raw[:size]

    @property
    def pending(self) -> bool:
        return bool(self.library.gnutls_record_check_pending(self.session))

    def obey(self, command: str) -> None:
        verb, _, rest = command.partition(" ")
        match verb:
            case "say":
                self.send(rest.encode() + b"\n")
            case "padded":
                padding, _, text = rest.partition(" ")
                self.send(text.encode() + b"\n", int(padding))
            case "cut":
                size, _, text = rest.partition(" ")
                data = text.encode() + b"\n"
                for start in range(0, len(data), int(size)):
                    self.send(data[start : start + int(size)])
            case "update":
                self.call("session_key_update", self.session, 0)
            case "update-both":
                self.call("session_key_update", self.session, UPDATE_PEER)
            case "ticket":
                self.call("session_ticket_send", self.session, 1, 0)
            case "alert":
                self.call("alert_send", self.session, FATAL, int(rest))
            case "bye":
                self.call("bye", self.session, SHUT_WRITE)
            case _:
                raise ValueError(command)


def say(data: bytes) -> None:
    os.write(1, data)


def main(port: str, pem: str, cipher: str) -> None:
    library = load()
    assert library is not None
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        sock = listener.accept()[0]
    session = Session(library, pem, cipher, sock)
    waiting = b""
    while True:
        readable = select.select([0, sock], [], [])[0]
        if 0 in readable:
            waiting += os.read(0, 65_536)
            while b"\n" in waiting:
                command, _, waiting = waiting.partition(b"\n")
                session.obey(command.decode())
        if sock in readable:
            while True:
                try:
                    data = session.receive()
                except RuntimeError as error:
                    say(f"<{error}>\n".encode())
                    return
                if data == b"":
                    say(b"<closed>\n")
                    return
                say(data or b"")
                if not session.pending:
                    break


if __name__ == "__main__":
    main(*sys.argv[1:])
