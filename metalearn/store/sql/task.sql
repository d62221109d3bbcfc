SELECT tasks.id, dataset_id, type, procedure, coalesce(family, dataset_id) AS family
FROM tasks LEFT JOIN datasets ON datasets.id = dataset_id
WHERE tasks.id = $id
