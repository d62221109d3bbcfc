-- Indices instead of ids: positions in the two queries above, which order by id.
WITH used_tasks AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS i FROM tasks
    WHERE type = $task_type
      AND id IN (SELECT task_id FROM evaluations WHERE metric = $metric AND split = $split)
),
used_configurations AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS i FROM configurations
    WHERE id IN (
        SELECT configuration_id FROM evaluations JOIN used_tasks ON used_tasks.id = task_id
        WHERE metric = $metric AND split = $split
    )
)
SELECT
    t.i::BIGINT AS task_index,
    c.i::BIGINT AS configuration_index,
    fidelity,
    fold::BIGINT AS fold,
    seed,
    value,
    cost_seconds,
    list_position($statuses, status)::BIGINT - 1 AS status_code
FROM evaluations
JOIN used_tasks AS t ON t.id = task_id
JOIN used_configurations AS c ON c.id = configuration_id
WHERE metric = $metric AND split = $split
ORDER BY task_index, configuration_index, fidelity, fold, seed, source, source_run_id
