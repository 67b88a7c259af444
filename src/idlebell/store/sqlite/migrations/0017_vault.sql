-- Credentials, sealed by a key that is not here. One row a subscription, as long as it lives.
CREATE TABLE vault (
    subscription TEXT PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE,
    account      TEXT NOT NULL,
    key          BLOB NOT NULL, -- of content, sealed by the vault's key
    content      BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- In the step that ends the lease, whoever writes it.
CREATE TRIGGER vault_over AFTER UPDATE OF phase ON subscriptions
WHEN new.phase IN ('expired', 'ended')
BEGIN
    DELETE FROM vault WHERE subscription = new.id;
END;
