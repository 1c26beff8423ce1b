-- Holds what was written by hand to the grammar of what the types print: a line or a field more in a server's file is
-- what a name with a newline or a comma would come to. Twice, because $ stands before a newline at the end too.
ALTER TABLE interfaces
    ADD CONSTRAINT IF NOT EXISTS interface_mac_is_unicast CHECK (
        mac REGEXP '^[0-9a-f][02468ace](:[0-9a-f][0-9a-f]){5}$' AND mac NOT REGEXP '[^0-9a-f:]'
        AND mac <> '00:00:00:00:00:00'),
    ADD CONSTRAINT IF NOT EXISTS interface_hostname_is_a_label CHECK (
        hostname REGEXP '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' AND hostname NOT REGEXP '[^a-z0-9-]')
