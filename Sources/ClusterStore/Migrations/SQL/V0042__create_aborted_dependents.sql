-- The operations that were aborted because one that they depended on did not complete, so that a retry of that one can
-- bring them back. Written by the transaction that aborts them, and forgotten with them.
CREATE TABLE IF NOT EXISTS aborted_dependents (
    dependency UUID NOT NULL,
    dependent UUID NOT NULL,
    PRIMARY KEY (dependency, dependent),
    KEY aborted_dependents_by_dependent (dependent)
) ENGINE = InnoDB
