-- The project's own extractor where it was used, else the one that describes most tasks.
SELECT extractor FROM meta_features
GROUP BY extractor
ORDER BY extractor = 'metalearn' DESC, count(DISTINCT task_id) DESC, extractor
LIMIT 1
