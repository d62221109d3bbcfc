INSERT INTO ingestions VALUES ($source, $partition, $cursor, $seen, $stored, $already_there, $quarantined, now()::TIMESTAMP, now()::TIMESTAMP)
ON CONFLICT (source, partition) DO UPDATE SET
    cursor = excluded.cursor,
    seen = seen + excluded.seen,
    stored = stored + excluded.stored,
    already_there = already_there + excluded.already_there,
    quarantined = quarantined + excluded.quarantined,
    finished = excluded.finished
