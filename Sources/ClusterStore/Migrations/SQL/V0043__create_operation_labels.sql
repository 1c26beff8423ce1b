-- The labels of operations, live and ended ones: an operation without labels has no row. They are given with the
-- request, never change, and are forgotten with the operation.
CREATE TABLE IF NOT EXISTS operation_labels (
    operation UUID NOT NULL,
    name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    value VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    PRIMARY KEY (operation, name),
    KEY operations_by_label (name, value, operation)
) ENGINE = InnoDB
