-- What a sound knowledge base has none of: rows that point to nothing, and doubles.
SELECT 'evaluations of unknown tasks' AS problem, count(*) AS rows FROM evaluations ANTI JOIN tasks ON tasks.id = task_id
UNION ALL
SELECT 'evaluations of unknown configurations', count(*)
FROM evaluations ANTI JOIN configurations ON configurations.id = configuration_id
UNION ALL
SELECT 'evaluations in unknown metrics', count(*) FROM evaluations ANTI JOIN metrics ON metrics.name = metric
UNION ALL
SELECT 'tasks of unknown datasets', count(*) FROM tasks ANTI JOIN datasets ON datasets.id = dataset_id
UNION ALL
SELECT 'meta-features of unknown tasks', count(*) FROM meta_features ANTI JOIN tasks ON tasks.id = task_id
UNION ALL
SELECT 'doubled evaluations', count(*) - (SELECT count(*) FROM (SELECT DISTINCT $key FROM evaluations)) FROM evaluations
