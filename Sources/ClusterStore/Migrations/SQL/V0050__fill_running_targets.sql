-- Those that are being worked on while the schema changes.
INSERT IGNORE INTO running_targets (exclusive_key, operation)
SELECT exclusive_key, id FROM work_queue WHERE state = 'executing' AND exclusive_key IS NOT NULL
