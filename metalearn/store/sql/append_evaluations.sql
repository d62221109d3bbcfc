-- Append the rows of "batch" that are new: $columns are its columns with the table's defaults filled in, $key the key.
INSERT INTO evaluations BY NAME
WITH new AS (SELECT DISTINCT ON ($key) * FROM (SELECT $columns FROM batch))
SELECT new.* FROM new
ANTI JOIN (
    SELECT $key FROM evaluations WHERE task_id IN (SELECT DISTINCT task_id FROM batch)
) AS old USING ($key)
