-- The task $id, or the tasks of the dataset $id.
CREATE TEMP TABLE gone_tasks AS SELECT id FROM tasks WHERE $id IN (id, dataset_id);

CREATE TEMP TABLE touched_datasets AS
SELECT id FROM datasets WHERE id = $id OR id IN (SELECT dataset_id FROM tasks WHERE id = $id);

CREATE TEMP TABLE touched_configurations AS
SELECT DISTINCT configuration_id AS id FROM evaluations WHERE task_id IN (FROM gone_tasks);

-- The cursors of partitions that name them, so that their sources read them again.
DELETE FROM ingestions
WHERE regexp_matches(partition, $names) AND source IN (
    SELECT source FROM evaluations WHERE task_id IN (FROM gone_tasks)
    UNION SELECT source FROM tasks WHERE id IN (FROM gone_tasks)
);

DELETE FROM failures WHERE task_id IN (FROM gone_tasks);
DELETE FROM evaluations WHERE task_id IN (FROM gone_tasks);
