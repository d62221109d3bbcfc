SELECT space, algorithm, hyperparameters
FROM configurations
WHERE id IN (
    SELECT configuration_id FROM evaluations JOIN tasks ON tasks.id = task_id
    WHERE metric = $metric AND split = $split AND tasks.type = $task_type
)
ORDER BY id
