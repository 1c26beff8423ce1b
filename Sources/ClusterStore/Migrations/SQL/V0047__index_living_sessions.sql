-- For the ring of sessions that watch each other. A renewal writes no column of it, as it did of the one before.
ALTER TABLE sessions
    DROP KEY IF EXISTS sessions_by_life,
    ADD KEY IF NOT EXISTS living_sessions (dead, id)
