-- As which notification what is held rings, so that a verdict on it can name that.
ALTER TABLE holds ADD COLUMN id TEXT NOT NULL DEFAULT '';

UPDATE holds SET id = 'ntf_' || lower(hex(randomblob(12)));

CREATE INDEX holds_id ON holds (id);
