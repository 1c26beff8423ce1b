-- No network has addresses that no host can have (RFC 6890): below 1.0.0.0, 127.0.0.0/8, 169.254.0.0/16, and 224.0.0.0
-- and up.
ALTER TABLE networks
    ADD CONSTRAINT IF NOT EXISTS network_cidr_is_of_hosts CHECK (
        INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) BETWEEN INET_ATON('1.0.0.0') AND INET_ATON('223.255.255.255')
        AND NOT (INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) <= INET_ATON('127.255.255.255')
            AND INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1))
                > INET_ATON('127.0.0.0'))
        AND NOT (INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) <= INET_ATON('169.254.255.255')
            AND INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1))
                > INET_ATON('169.254.0.0')))
