-- \z, because $ also stands before a newline at the end.
ALTER TABLE nodes
    DROP CONSTRAINT IF EXISTS node_name_is_a_label,
    ADD CONSTRAINT node_name_is_a_label CHECK (name REGEXP '\\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\\z')
