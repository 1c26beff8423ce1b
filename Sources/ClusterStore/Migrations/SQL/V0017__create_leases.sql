-- The elected role: who holds it, and until when. The term is the fencing token: it rises by one at each change of
-- holder. Every fenced transaction increments touched, so that it cannot commit beside a change of holder.
CREATE TABLE IF NOT EXISTS leases (
    name VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NOT NULL,
    holder UUID NULL,
    holder_node VARCHAR(63) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    term BIGINT UNSIGNED NOT NULL DEFAULT 0,
    renewed_at DATETIME(6) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    touched BIGINT UNSIGNED NOT NULL DEFAULT 0,
    -- Candidates watch this counter and not touched, because a fenced transaction does not extend the lease.
    renewals BIGINT UNSIGNED NOT NULL DEFAULT 0,
    -- The columns from here on are for a planned change of holder. Each mark names its term, so that none outlives it.
    -- The holder of this term has begun to serve: its gate is open.
    serving_term BIGINT UNSIGNED NULL,
    -- The holder goes on only until another candidate is ready.
    handing_over_term BIGINT UNSIGNED NULL,
    -- The ready candidate to whom a holder that resigned leaves the lease, for a moment.
    successor UUID NULL,
    -- A request that the holder of a term resign.
    resignation UUID NULL,
    resignation_term BIGINT UNSIGNED NULL,
    -- The last request that a holder did not follow, and why.
    refused_resignation UUID NULL,
    refusal VARCHAR(31) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    PRIMARY KEY (name),
    CONSTRAINT lease_holder_has_a_node CHECK ((holder IS NULL) = (holder_node IS NULL)),
    CONSTRAINT lease_ends_after_its_renewal CHECK (expires_at >= renewed_at),
    CONSTRAINT lease_marks_no_term_to_come CHECK (
        COALESCE(serving_term, 0) <= term AND COALESCE(handing_over_term, 0) <= term
        AND COALESCE(resignation_term, 0) <= term),
    CONSTRAINT lease_is_left_to_a_successor_by_who_resigned CHECK (successor IS NULL OR holder IS NULL),
    CONSTRAINT lease_resignation_is_asked_of_a_term CHECK ((resignation IS NULL) = (resignation_term IS NULL)),
    CONSTRAINT lease_refusal_has_a_reason CHECK ((refused_resignation IS NULL) = (refusal IS NULL))
) ENGINE = InnoDB
