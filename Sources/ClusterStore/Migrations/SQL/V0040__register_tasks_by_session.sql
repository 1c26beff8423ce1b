-- What each session can run, so that two processes of one node do not replace each other's tasks. Rows from before name no
-- session; they go when a worker of their node registers.
ALTER TABLE registered_tasks
    ADD COLUMN IF NOT EXISTS session UUID NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    ADD INDEX IF NOT EXISTS registered_tasks_by_session (session),
    DROP PRIMARY KEY,
    ADD PRIMARY KEY (name, node, session)
