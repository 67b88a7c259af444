-- What was done for an account, and sent for a subscription, on a day (since the epoch, in UTC). subject: an id of either.
CREATE TABLE tallies (
    subject TEXT NOT NULL,
    day     INTEGER NOT NULL,
    counts  TEXT NOT NULL, -- JSON
    PRIMARY KEY (subject, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX tallies_by_age ON tallies (day);

CREATE TRIGGER tallies_of_account AFTER DELETE ON accounts BEGIN
    DELETE FROM tallies WHERE subject = OLD.id;
END;

CREATE TRIGGER tallies_of_subscription AFTER DELETE ON subscriptions BEGIN
    DELETE FROM tallies WHERE subject = OLD.id;
END;
