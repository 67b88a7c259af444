-- Times are microseconds since the epoch (_us), strings that a server or an app chose are blobs or JSON in ASCII.
-- Sealed: subscriptions.endpoints, outbox.content, secrets.value. Digests (endpoint, url, lane, key_digest) are keyed.

CREATE TABLE accounts (
    id       TEXT PRIMARY KEY,
    host     TEXT NOT NULL,
    port     INTEGER NOT NULL,
    tls      TEXT NOT NULL,
    username BLOB NOT NULL,
    UNIQUE (host, port, username)
) STRICT;

CREATE TABLE subscriptions (
    id          TEXT PRIMARY KEY,
    account     TEXT NOT NULL REFERENCES accounts (id),
    key_digest  BLOB NOT NULL UNIQUE,
    owner       TEXT,
    phase       TEXT NOT NULL,
    paused      INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    created_us  INTEGER NOT NULL,
    lapses_us   INTEGER,          -- when its lease ends; NULL: over, or without a lease
    ended_us    INTEGER,          -- since when it has been over
    reminder_us INTEGER,          -- when the next reconnect is due
    mailboxes   TEXT NOT NULL,    -- JSON
    fresh       TEXT,             -- JSON: mailboxes without a floor, of an active one; NULL: none
    routes      BLOB NOT NULL,    -- digests by role, so that enqueueing opens no seal
    endpoints   BLOB NOT NULL,
    details     TEXT NOT NULL     -- JSON: what no query asks for
) STRICT;

CREATE INDEX subscriptions_of_account ON subscriptions (account, created_us, id);
CREATE INDEX subscriptions_of_owner ON subscriptions (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX subscriptions_in_phase ON subscriptions (phase, account);
CREATE INDEX subscriptions_lapsing ON subscriptions (lapses_us) WHERE lapses_us IS NOT NULL;
CREATE INDEX subscriptions_ended ON subscriptions (ended_us) WHERE ended_us IS NOT NULL;
CREATE INDEX subscriptions_reminded ON subscriptions (reminder_us) WHERE reminder_us IS NOT NULL;

CREATE TABLE cursors (
    account         TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    mailbox         BLOB NOT NULL,
    uid_validity    INTEGER NOT NULL,
    uid_next        INTEGER NOT NULL,
    highest_mod_seq INTEGER,
    count           INTEGER,
    PRIMARY KEY (account, mailbox)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    subscription TEXT NOT NULL REFERENCES subscriptions (id),
    type         TEXT NOT NULL,
    messages     INTEGER NOT NULL, -- of new mail: how many it tells of; of anything else 0
    endpoint     BLOB NOT NULL,
    lane         BLOB NOT NULL,
    collapses    INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    at_us        INTEGER NOT NULL,
    due_us       INTEGER NOT NULL,
    expires_us   INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    leased_us    INTEGER,          -- until when it is leased
    content      BLOB NOT NULL
) STRICT;

CREATE INDEX outbox_of_endpoint ON outbox (endpoint, version, due_us, attempts);
CREATE INDEX outbox_of_subscription ON outbox (subscription, messages);
CREATE INDEX outbox_leased ON outbox (endpoint, leased_us) WHERE leased_us IS NOT NULL;

-- One row for each endpoint that something waits for: when something of it can be leased. It spares every question about
-- what is due the walk over all that waits.
CREATE TABLE queues (
    endpoint BLOB PRIMARY KEY,
    lane     BLOB NOT NULL,
    ready_us INTEGER NOT NULL,
    held_us  INTEGER,              -- when the latest retry is due; nothing of a kind that collapses is ready before
    leased   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX queues_of_lane ON queues (lane, ready_us);
CREATE INDEX queues_ready ON queues (leased, ready_us);

-- The last version given for a URL: versions only grow, whatever the clock does.
CREATE TABLE versions (
    url  BLOB PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX versions_by_age ON versions (last);

CREATE TABLE activity (
    subscription  TEXT PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE,
    detected      INTEGER NOT NULL DEFAULT 0,
    accepted      INTEGER NOT NULL DEFAULT 0,
    coalesced     INTEGER NOT NULL DEFAULT 0,
    expired       INTEGER NOT NULL DEFAULT 0,
    refused       INTEGER NOT NULL DEFAULT 0,
    last_event_us INTEGER,
    push_us       INTEGER,
    push_version  INTEGER,
    push_status   INTEGER,
    push_outcome  TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    scopes     TEXT NOT NULL,      -- JSON
    created_us INTEGER NOT NULL,
    expires_us INTEGER
) STRICT, WITHOUT ROWID;

-- Written to when the store is asked whether it can be written to.
CREATE TABLE probes (
    name  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
