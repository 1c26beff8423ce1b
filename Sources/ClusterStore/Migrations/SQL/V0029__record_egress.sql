-- The elected node writes down that a network's way out is made, too.
ALTER TABLE applied_state
    DROP CONSTRAINT IF EXISTS applied_state_what,
    ADD CONSTRAINT applied_state_what CHECK (what IN ('mesh', 'dnsmasq', 'egress'))
