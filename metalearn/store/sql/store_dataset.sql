-- What was learned from a dataset's own table: its fingerprint replaces an older one, the rest fills gaps.
INSERT INTO datasets (id, name, version, fingerprint, n_rows, n_columns, source)
VALUES ($id, $name, $version, $fingerprint, $n_rows, $n_columns, $source)
ON CONFLICT (id) DO UPDATE SET
    name = coalesce(name, excluded.name),
    version = coalesce(version, excluded.version),
    fingerprint = excluded.fingerprint,
    n_rows = coalesce(n_rows, excluded.n_rows),
    n_columns = coalesce(n_columns, excluded.n_columns)
