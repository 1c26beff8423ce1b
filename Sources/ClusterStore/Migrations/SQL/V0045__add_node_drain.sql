-- Who drains a node, since when, and why. A node that was drained before these columns has none of it.
ALTER TABLE nodes
    ADD COLUMN IF NOT EXISTS drained_at DATETIME(6) NULL,
    ADD COLUMN IF NOT EXISTS drain_requester VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    ADD COLUMN IF NOT EXISTS drain_reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    ADD CONSTRAINT IF NOT EXISTS node_drain_has_a_requester CHECK (
        (drained_at IS NULL) = (drain_requester IS NULL) AND (drain_reason IS NULL OR drain_requester IS NOT NULL)),
    ADD CONSTRAINT IF NOT EXISTS node_drain_is_of_a_draining_node CHECK (state = 'draining' OR drained_at IS NULL)
