-- The metric with most evaluations of this task type; a tie goes to the preferred one.
SELECT metric
FROM counted JOIN tasks ON tasks.id = task_id JOIN metrics ON metrics.name = metric
WHERE tasks.type = $task_type AND split = $split
GROUP BY metric, preference
ORDER BY sum(n) DESC, preference
LIMIT 1
