-- Whether DHCP gives guests a default route through the network's router. Networks of before keep the one that they
-- gave; who adds a network says whether it has one.
ALTER TABLE networks
    ADD COLUMN IF NOT EXISTS gateway BOOLEAN NOT NULL DEFAULT TRUE AFTER port_security
