-- The tasks with evaluations under one metric; i stands for the id, in the order of ids.
CREATE TEMP TABLE candidate_tasks AS
SELECT
    tasks.id,
    dataset_id,
    type,
    procedure,
    coalesce(family, dataset_id) AS family,
    n,
    row_number() OVER (ORDER BY tasks.id) - 1 AS i
FROM tasks
JOIN counted ON counted.task_id = tasks.id
LEFT JOIN datasets ON datasets.id = dataset_id
WHERE type = $task_type AND metric = $metric AND split = $split
