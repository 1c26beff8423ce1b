-- As V0032 for networks; and the router and the ends of the range are hosts of the segment.
ALTER TABLE external_network
    DROP CONSTRAINT IF EXISTS external_network_cidr_has_its_form,
    ADD CONSTRAINT external_network_cidr_has_its_form CHECK (
        cidr REGEXP '\\A((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])/([89]|[12][0-9]|30)\\z'),
    ADD CONSTRAINT IF NOT EXISTS external_network_cidr_has_no_host_bits CHECK (
        INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) MOD POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) = 0),
    ADD CONSTRAINT IF NOT EXISTS external_network_gateway_is_a_host CHECK (
        INET_ATON(CAST(gateway AS CHAR)) BETWEEN INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + 1
            AND INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) - 2),
    ADD CONSTRAINT IF NOT EXISTS external_network_first_address_is_a_host CHECK (
        INET_ATON(CAST(first_address AS CHAR)) BETWEEN INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + 1
            AND INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) - 2),
    ADD CONSTRAINT IF NOT EXISTS external_network_last_address_is_a_host CHECK (
        INET_ATON(CAST(last_address AS CHAR)) BETWEEN INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + 1
            AND INET_ATON(SUBSTRING_INDEX(cidr, '/', 1)) + POW(2, 32 - SUBSTRING_INDEX(cidr, '/', -1)) - 2)
