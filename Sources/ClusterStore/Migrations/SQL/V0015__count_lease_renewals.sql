-- Candidates go by this counter and not by `touched`: a fenced transaction touches the row without extending the lease.
ALTER TABLE leases ADD COLUMN IF NOT EXISTS renewals BIGINT UNSIGNED NOT NULL DEFAULT 0 AFTER touched
