-- The newest version of one extractor.
SELECT task_id, name, value
FROM meta_features
WHERE extractor = $extractor
  AND extractor_version = (SELECT max(extractor_version) FROM meta_features WHERE extractor = $extractor)
ORDER BY name
