-- The witnesses of the holder, and the holder's own node: the ids of nodes with a space between each two. A candidate
-- whose node is not among them waits for the outage time, instead of the lease, before it takes the lease. The number
-- of the list rises within a term; NULL with a number is that the holder has withdrawn it.
ALTER TABLE leases
    ADD COLUMN IF NOT EXISTS witness_list INT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS witnesses VARCHAR(2047) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    ADD COLUMN IF NOT EXISTS outage_microseconds BIGINT UNSIGNED NULL,
    ADD CONSTRAINT IF NOT EXISTS lease_witnesses_have_an_outage_time CHECK (
        (witnesses IS NULL) = (outage_microseconds IS NULL)),
    ADD CONSTRAINT IF NOT EXISTS lease_witnesses_have_a_number CHECK (witnesses IS NULL OR witness_list > 0)
