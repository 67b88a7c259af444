-- How much of what costs something was sent on a day, by digests of endpoints and of API keys.
CREATE TABLE spent (
    day INTEGER NOT NULL,
    name BLOB NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, name)
) STRICT, WITHOUT ROWID;
