-- Append the rows of "batch" that are new: $columns are its columns with the table's defaults filled in, $key those
-- columns of the key in which they differ, and $near tells which stored rows can have one of their keys.
INSERT INTO evaluations BY NAME
WITH new AS (SELECT DISTINCT ON ($key) * FROM (SELECT $columns FROM batch))
SELECT new.* FROM new ANTI JOIN (SELECT $key FROM evaluations WHERE $near) AS old USING ($key)
