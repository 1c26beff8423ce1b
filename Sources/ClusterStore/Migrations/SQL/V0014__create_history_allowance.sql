-- How many operations may still be deleted from history in the hour that began at `began_at`, by all processes
-- together: one row, which a deletion locks. So a wrong clock cannot empty history, however many processes believe it.
CREATE TABLE IF NOT EXISTS history_allowance (
    id TINYINT UNSIGNED NOT NULL,
    began_at DATETIME(6) NOT NULL,
    operations BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT one_history_allowance CHECK (id = 1)
) ENGINE = InnoDB
