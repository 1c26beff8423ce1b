-- Those that are being worked on while the schema changes.
INSERT INTO running_targets (exclusive_key, operation)
SELECT w.exclusive_key, w.id
FROM work_queue AS w LEFT JOIN running_targets AS r ON r.exclusive_key = w.exclusive_key
WHERE w.state = 'executing' AND w.exclusive_key IS NOT NULL AND r.exclusive_key IS NULL
