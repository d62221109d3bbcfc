-- Append the rows of "batch" whose primary key is not there yet to $table.
INSERT INTO $table BY NAME SELECT DISTINCT * FROM batch ON CONFLICT DO NOTHING
