-- What the type CIDR takes, in the one spelling that it prints: octets to 255 without leading zeros, a prefix from 8 to 30,
-- and no bits behind it. A network whose CIDR does not parse is left out by every node. As for \z, see V0031.
ALTER TABLE networks
    DROP CONSTRAINT IF EXISTS network_name_is_a_label,
    ADD CONSTRAINT network_name_is_a_label CHECK (name REGEXP '\\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\\z'),
    DROP CONSTRAINT IF EXISTS network_cidr_has_its_form,
    ADD CONSTRAINT network_cidr_has_its_form CHECK (
        cidr REGEXP '\\A((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])/([89]|[12][0-9]|30)\\z'),
    ADD CONSTRAINT IF NOT EXISTS network_cidr_has_no_host_bits CHECK (
        INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) MOD POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) = 0)
