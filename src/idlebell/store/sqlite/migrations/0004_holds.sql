-- New mail that rings later: one row a subscription, which takes in what comes meanwhile. content is sealed.
CREATE TABLE holds (
    subscription TEXT PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE,
    messages     INTEGER NOT NULL,
    at_us        INTEGER NOT NULL, -- when the latest of it came
    due_us       INTEGER NOT NULL,
    keep_us      INTEGER NOT NULL, -- how long it is of use from when it rings
    content      BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_due ON holds (due_us);

-- Does anything but "at once" come of asking when its mail may ring?
ALTER TABLE subscriptions ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;

ALTER TABLE activity ADD COLUMN silenced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activity ADD COLUMN rung_us INTEGER; -- when a subscription with a digest rang last
