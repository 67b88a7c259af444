ALTER TABLE cursors ADD COLUMN looked_us INTEGER;

ALTER TABLE subscriptions ADD COLUMN selection TEXT;    -- JSON; NULL: its mailboxes are fixed
ALTER TABLE subscriptions ADD COLUMN beaten_us INTEGER; -- when its latest heartbeat was sent
ALTER TABLE subscriptions ADD COLUMN beat_us INTEGER;   -- when the next is due; NULL: it takes none

CREATE INDEX subscriptions_beating ON subscriptions (beat_us) WHERE beat_us IS NOT NULL;

-- seq grows: of an account the greatest are kept.
CREATE TABLE sightings (
    seq          INTEGER PRIMARY KEY,
    account      TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    digest       BLOB NOT NULL,
    mailbox      BLOB NOT NULL,
    uid_validity INTEGER NOT NULL,
    uid          INTEGER NOT NULL,
    UNIQUE (account, digest)
) STRICT;

CREATE INDEX sightings_by_age ON sightings (account, seq);

-- Of servers, by host.
CREATE TABLE learnt (
    seq               INTEGER PRIMARY KEY,
    host              TEXT NOT NULL UNIQUE,
    idle_seconds      REAL,
    sessions          INTEGER,
    clock_lag_seconds REAL,
    quiet_us          INTEGER
) STRICT;
