SELECT type FROM tasks SEMI JOIN evaluations ON tasks.id = task_id GROUP BY type ORDER BY count(*) DESC, type LIMIT 1
