-- The project's own extractor where it was used, then those that describe most tasks.
SELECT extractor FROM meta_features
GROUP BY extractor
ORDER BY extractor = 'metalearn' DESC, count(DISTINCT task_id) DESC, extractor
