-- The evaluations of some tasks under one metric, positions instead of ids.
SELECT
    t.i::INTEGER AS task_index,
    c.i::INTEGER AS configuration_index,
    fidelity,
    fold,
    seed,
    value,
    cost_seconds,
    (list_position($statuses, status) - 1)::TINYINT AS status_code
FROM evaluations
JOIN candidate_tasks AS t ON t.id = task_id
JOIN candidate_configurations AS c ON c.id = configuration_id
WHERE metric = $metric AND split = $split AND task_id BETWEEN $first AND $last
ORDER BY task_index, configuration_index, fidelity, fold, seed, source, source_run_id
