-- The elected role: who holds it until when. The term rises by one at each change of holder, and every fenced
-- transaction counts touched up, so that it cannot commit beside a change of holder.
CREATE TABLE IF NOT EXISTS leases (
    name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    holder UUID NULL,
    holder_node VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    term BIGINT UNSIGNED NOT NULL DEFAULT 0,
    renewed_at DATETIME(6) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    touched BIGINT UNSIGNED NOT NULL DEFAULT 0,
    PRIMARY KEY (name),
    CONSTRAINT lease_holder_has_a_node CHECK ((holder IS NULL) = (holder_node IS NULL)),
    CONSTRAINT lease_ends_after_its_renewal CHECK (expires_at >= renewed_at)
) ENGINE = InnoDB
