-- Rights that travel in a link; of the token only the hash is kept.
CREATE TABLE invitations (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    uses       INTEGER NOT NULL,
    used       INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
    token_hash   BLOB PRIMARY KEY,
    subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    expires_us   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX links_of_subscription ON links (subscription);
