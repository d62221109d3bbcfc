-- After the rows of a source or of tasks: the tasks themselves, and what nothing refers to any more.
DELETE FROM meta_features WHERE task_id IN (FROM gone_tasks);
DELETE FROM tasks WHERE id IN (FROM gone_tasks);

DELETE FROM datasets
WHERE id IN (FROM touched_datasets) AND NOT EXISTS (SELECT 1 FROM tasks WHERE dataset_id = datasets.id);

CREATE TEMP TABLE touched_spaces AS
SELECT DISTINCT space AS name FROM configurations WHERE id IN (FROM touched_configurations);

DELETE FROM configurations
WHERE id IN (FROM touched_configurations)
  AND NOT EXISTS (SELECT 1 FROM evaluations WHERE configuration_id = configurations.id)
  AND NOT EXISTS (SELECT 1 FROM failures WHERE configuration_id = configurations.id);

DELETE FROM spaces
WHERE name IN (FROM touched_spaces) AND NOT EXISTS (SELECT 1 FROM configurations WHERE space = spaces.name);

-- What other sources use is theirs from now on: the first one's by name.
UPDATE tasks SET source = (SELECT min(source) FROM evaluations WHERE task_id = tasks.id) WHERE source = $source;
UPDATE datasets SET source = (SELECT min(source) FROM tasks WHERE dataset_id = datasets.id) WHERE source = $source;

UPDATE configurations
SET origin = coalesce((SELECT min(source) FROM evaluations WHERE configuration_id = configurations.id), '')
WHERE origin = $source;
