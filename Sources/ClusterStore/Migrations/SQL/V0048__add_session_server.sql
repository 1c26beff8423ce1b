-- The database server that the process uses, by the name that the server gives itself; NULL for programs that do not
-- tell.
ALTER TABLE sessions
    ADD COLUMN IF NOT EXISTS server VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    ALGORITHM = INSTANT
