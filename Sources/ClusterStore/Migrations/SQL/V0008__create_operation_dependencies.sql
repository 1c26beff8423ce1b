-- The edges whose dependency has not ended: work_queue.unmet is the number of rows of a dependent here.
CREATE TABLE IF NOT EXISTS operation_dependencies (
    dependency UUID NOT NULL,
    dependent UUID NOT NULL,
    must_complete BOOLEAN NOT NULL,
    PRIMARY KEY (dependency, dependent),
    KEY dependencies_of (dependent)
) ENGINE = InnoDB
