-- The generations that a network is known to have reached: of its mesh on every node that takes part, and of its server
-- and egress under a term; 0 where nothing is known. The elected node writes them. They may be behind applied_state, and
-- are never ahead of it: a network whose generation has risen is judged by applied_state.
ALTER TABLE networks
    ADD COLUMN IF NOT EXISTS meshed_generation BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS served_generation BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS served_term BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ALGORITHM = INSTANT
