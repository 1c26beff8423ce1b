-- Records what operations wait for: a JSON array of [dependency, dependent, must_complete]. An enqueuer has no other
-- way to write edges: one to an operation that does not count it in `unmet` would abort, hold or release the work of
-- others. Only in a transaction, so that the dependents stay locked between the check and the INSERT.
CREATE PROCEDURE IF NOT EXISTS record_edges(IN edges MEDIUMTEXT CHARACTER SET utf8mb4)
    MODIFIES SQL DATA
    SQL SECURITY DEFINER
BEGIN
    DECLARE locked INT;
    IF @@in_transaction = 0 THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'edges are recorded in the transaction that enqueues';
    END IF;
    SELECT COUNT(w.unmet) INTO locked
    FROM (
        SELECT DISTINCT CAST(j.dependent AS UUID) AS id
        FROM JSON_TABLE(edges, '$[*]' COLUMNS (dependent CHAR(36) PATH '$[1]')) AS j) AS e
        STRAIGHT_JOIN work_queue AS w FORCE INDEX (PRIMARY) ON w.id = e.id
    FOR UPDATE;
    IF EXISTS (
        SELECT 1
        FROM (
            SELECT CAST(j.dependent AS UUID) AS id, COUNT(*) AS added
            FROM JSON_TABLE(edges, '$[*]' COLUMNS (dependent CHAR(36) PATH '$[1]')) AS j
            GROUP BY id) AS e
            LEFT JOIN work_queue AS w FORCE INDEX (PRIMARY) ON w.id = e.id
        WHERE COALESCE(w.unmet, 0) < e.added + (
            SELECT COUNT(*) FROM operation_dependencies AS d FORCE INDEX (dependencies_of) WHERE d.dependent = e.id)
    ) THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'an operation has more edges than dependencies';
    END IF;
    INSERT INTO operation_dependencies (dependency, dependent, must_complete)
    SELECT CAST(e.dependency AS UUID), CAST(e.dependent AS UUID), e.must_complete
    FROM JSON_TABLE(edges, '$[*]' COLUMNS (
        dependency CHAR(36) PATH '$[0]', dependent CHAR(36) PATH '$[1]', must_complete BOOLEAN PATH '$[2]')) AS e;
END
