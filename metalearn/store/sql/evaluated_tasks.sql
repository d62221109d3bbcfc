SELECT tasks.id, dataset_id, type, procedure, coalesce(family, dataset_id) AS family
FROM tasks LEFT JOIN datasets ON datasets.id = dataset_id
WHERE type = $task_type
  AND tasks.id IN (SELECT task_id FROM evaluations WHERE metric = $metric AND split = $split)
ORDER BY tasks.id
