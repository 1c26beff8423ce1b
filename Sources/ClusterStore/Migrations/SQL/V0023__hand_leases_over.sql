-- A planned change of holder. Each mark names the term that it is about, so that none outlives it: the holder is heard;
-- it goes on only until another one is ready; somebody has asked it to resign. Who resigned leaves the lease to
-- `successor`, who is ready, for a moment. A holder that was asked and stays says why.
ALTER TABLE leases
    ADD COLUMN IF NOT EXISTS serving_term BIGINT UNSIGNED NULL,
    ADD COLUMN IF NOT EXISTS handing_over_term BIGINT UNSIGNED NULL,
    ADD COLUMN IF NOT EXISTS successor UUID NULL,
    ADD COLUMN IF NOT EXISTS resignation UUID NULL,
    ADD COLUMN IF NOT EXISTS resignation_term BIGINT UNSIGNED NULL,
    ADD COLUMN IF NOT EXISTS refused_resignation UUID NULL,
    ADD COLUMN IF NOT EXISTS refusal VARCHAR(31) CHARACTER SET ascii COLLATE ascii_nopad_bin NULL,
    ADD CONSTRAINT IF NOT EXISTS lease_marks_no_term_to_come CHECK (
        COALESCE(serving_term, 0) <= term AND COALESCE(handing_over_term, 0) <= term
            AND COALESCE(resignation_term, 0) <= term
    ),
    ADD CONSTRAINT IF NOT EXISTS lease_is_left_to_a_successor_by_who_resigned CHECK (
        successor IS NULL OR holder IS NULL
    ),
    ADD CONSTRAINT IF NOT EXISTS lease_resignation_is_asked_of_a_term CHECK (
        (resignation IS NULL) = (resignation_term IS NULL)
    ),
    ADD CONSTRAINT IF NOT EXISTS lease_refusal_has_a_reason CHECK (
        (refused_resignation IS NULL) = (refusal IS NULL)
    )
