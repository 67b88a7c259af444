-- When a message that rang is to ring again, and since when it was to where nobody could be asked whether it was read.
ALTER TABLE rung ADD COLUMN due_us INTEGER;
ALTER TABLE rung ADD COLUMN owed_us INTEGER;

CREATE INDEX rung_due ON rung (due_us) WHERE due_us IS NOT NULL;
