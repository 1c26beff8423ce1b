-- Whether guests of the network may use only the addresses that their interfaces have; a network of before has it too.
ALTER TABLE networks
    ADD COLUMN IF NOT EXISTS port_security BOOLEAN NOT NULL DEFAULT TRUE AFTER dns
