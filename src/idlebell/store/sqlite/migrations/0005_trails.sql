-- How messages and notifications fared, newest first, sealed: one ring a subscription, which fits a page.
CREATE TABLE verdicts (
    subscription TEXT PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE,
    day          INTEGER NOT NULL, -- since the epoch, of the newest
    ring         BLOB NOT NULL
) STRICT;

CREATE INDEX verdicts_by_age ON verdicts (day);

CREATE TABLE deliveries (
    subscription TEXT PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE,
    day          INTEGER NOT NULL,
    ring         BLOB NOT NULL
) STRICT;

CREATE INDEX deliveries_by_age ON deliveries (day);
