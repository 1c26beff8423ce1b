-- Whose sample a row is: it goes with that session. Nothing has filled the table before.
ALTER TABLE supervised_processes
    ADD COLUMN IF NOT EXISTS session UUID NOT NULL,
    ADD INDEX IF NOT EXISTS supervised_by_session (session)
