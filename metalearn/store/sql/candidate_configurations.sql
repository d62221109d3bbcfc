-- The configurations that may have been evaluated: all, or those of some algorithms. i as with the tasks.
CREATE TEMP TABLE candidate_configurations AS
SELECT id, row_number() OVER (ORDER BY id) - 1 AS i
FROM configurations
WHERE $algorithms IS NULL OR list_contains($algorithms, algorithm)
