-- The tasks of "batch", and $limits of its columns.
SELECT list(DISTINCT task_id), $limits FROM (SELECT $columns FROM batch)
