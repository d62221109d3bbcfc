-- The task type with most tasks that were evaluated: under one metric, if given.
SELECT type
FROM tasks SEMI JOIN (FROM counted WHERE $metric IS NULL OR metric = $metric) AS known ON tasks.id = task_id
GROUP BY type
ORDER BY count(*) DESC, type
LIMIT 1
