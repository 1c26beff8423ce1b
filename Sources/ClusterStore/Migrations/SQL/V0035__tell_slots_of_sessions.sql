-- How many operations the process runs at once; NULL of a process that was started by an older program.
ALTER TABLE sessions
    ADD COLUMN IF NOT EXISTS slots INT UNSIGNED NULL
