"""A certificate as public authorities give it: its size is most of what a fresh TLS connection moves."""

from __future__ import annotations

import ssl

import trustme

from servers.mail_server import SandboxedServer


def wear_public_chain(server: SandboxedServer) -> int:
    """RSA of 2048 bits, and one intermediate that is sent along, in place of the small certificate of the tests. Before the
    server starts. The bytes of the chain in DER, as TLS carries it."""
    root = trustme.CA(key_type=trustme.KeyType.RSA)
    leaf = root.create_child_ca(key_type=trustme.KeyType.RSA).issue_cert(
        server.host, "127.0.0.1", key_type=trustme.KeyType.RSA
    )
    chain = [blob.bytes() for blob in leaf.cert_chain_pems]
    server.ca_file.write_bytes(root.cert_pem.bytes())
    server.certificate.write_bytes(b"".join(chain))
    server.key.write_bytes(leaf.private_key_pem.bytes())
    server.both.write_bytes(leaf.private_key_pem.bytes() + b"".join(chain))
    return sum(len(_der(pem)) for pem in chain)


def _der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())
