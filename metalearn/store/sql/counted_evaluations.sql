-- How many evaluations each task has: one pass over the ids answers what is there, and how to read it piece by piece.
CREATE TEMP TABLE counted AS
SELECT task_id, metric, split, count(*) AS n FROM evaluations GROUP BY ALL
