-- What a source brought, in so far as no other source uses it.
CREATE TEMP TABLE touched_tasks AS
SELECT id FROM tasks WHERE source = $id UNION SELECT task_id FROM evaluations WHERE source = $id;

CREATE TEMP TABLE touched_configurations AS
SELECT id FROM configurations WHERE origin = $id UNION SELECT configuration_id FROM evaluations WHERE source = $id;

-- A failure belongs to the evaluations of its configuration on its task.
DELETE FROM failures
WHERE EXISTS (
    SELECT 1 FROM evaluations AS e
    WHERE e.task_id = failures.task_id AND e.configuration_id = failures.configuration_id AND e.source = $id
) AND NOT EXISTS (
    SELECT 1 FROM evaluations AS e
    WHERE e.task_id = failures.task_id AND e.configuration_id = failures.configuration_id AND e.source <> $id
);

DELETE FROM evaluations WHERE source = $id;
DELETE FROM meta_features WHERE extractor = $id AND task_id IN (FROM touched_tasks);
DELETE FROM ingestions WHERE source = $id;
DELETE FROM quarantine WHERE source = $id;
DELETE FROM libraries WHERE source = $id;
DELETE FROM flows WHERE source = $id;
DELETE FROM setups WHERE source = $id;

CREATE TEMP TABLE gone_tasks AS
SELECT id FROM tasks WHERE source = $id AND NOT EXISTS (SELECT 1 FROM evaluations WHERE task_id = tasks.id);

CREATE TEMP TABLE touched_datasets AS SELECT id FROM datasets WHERE source = $id;
