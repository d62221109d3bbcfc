SELECT (SELECT count(*) FROM candidate_configurations) / nullif(count(*), 0) FROM configurations
