-- How many rows of "batch" are in $table under the same key with another value; see append_evaluations.sql.
SELECT count(*)
FROM (SELECT $columns FROM batch) AS theirs JOIN (SELECT * FROM $table WHERE $near) AS ours USING ($key)
WHERE $differ
