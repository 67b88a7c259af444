-- Whom a session takes for the server is a part of what an account is: a login under another trust shows nothing about this one.
-- Foreign keys are off while this runs, so that nothing goes with the table that is replaced.
CREATE TABLE accounts_with_trust (
    id       TEXT PRIMARY KEY,
    host     TEXT NOT NULL,
    port     INTEGER NOT NULL,
    tls      TEXT NOT NULL,
    username BLOB NOT NULL,
    trust    TEXT NOT NULL DEFAULT '', -- pins in hexadecimal, or 'first'; '': authorities
    seen     BLOB,                     -- of trust on first use: the key that was seen
    UNIQUE (host, port, username, trust)
) STRICT;

INSERT INTO accounts_with_trust (id, host, port, tls, username) SELECT id, host, port, tls, username FROM accounts;

DROP TABLE accounts;

ALTER TABLE accounts_with_trust RENAME TO accounts;
