SELECT id, space, algorithm, hyperparameters
FROM configurations JOIN candidate_configurations USING (id)
ORDER BY i
