-- As V0021 for interfaces. A network that cannot be read is an error of the whole look, because what it leaves out of
-- what is wanted would be taken for a stray; so none may be there.
ALTER TABLE networks
    ADD CONSTRAINT IF NOT EXISTS network_name_has_no_newline CHECK (name NOT REGEXP '[^a-z0-9-]'),
    ADD CONSTRAINT IF NOT EXISTS network_cidr_has_its_form CHECK (
        cidr REGEXP '^[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}$' AND cidr NOT REGEXP '[^0-9./]'),
    ADD CONSTRAINT IF NOT EXISTS network_domain_is_labels CHECK (
        domain REGEXP '^([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])*[a-z0-9]([a-z0-9-]*[a-z0-9])?$'
        AND domain NOT REGEXP '[^a-z0-9.-]' AND domain NOT REGEXP '[^.]{64}' AND domain NOT REGEXP '(^|[.])[0-9]+$')
