-- Version 1 of the knowledge base. Every table is in long form; NULL means unknown.
CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

CREATE TABLE metrics (
    name VARCHAR PRIMARY KEY,
    direction VARCHAR NOT NULL,              -- maximize | minimize
    low DOUBLE NOT NULL,
    high DOUBLE NOT NULL,
    preference INTEGER NOT NULL              -- which one is the default where several were measured equally often
);

CREATE TABLE datasets (
    id VARCHAR PRIMARY KEY,                  -- openml-<did>, or data-<16 hex of the fingerprint>
    name VARCHAR,
    version INTEGER,
    family VARCHAR,                          -- NULL: the dataset is its own family
    fingerprint VARCHAR,
    n_rows BIGINT,
    n_columns BIGINT,
    source VARCHAR NOT NULL
);

CREATE TABLE tasks (
    id VARCHAR PRIMARY KEY,                  -- openml-task-<tid>, openml-dataset-<did>, or the dataset's own id
    dataset_id VARCHAR NOT NULL,
    type VARCHAR NOT NULL,                   -- classification | regression
    target VARCHAR,
    procedure VARCHAR NOT NULL DEFAULT '',   -- the estimation procedure, in words
    source VARCHAR NOT NULL
);

CREATE TABLE spaces (
    name VARCHAR PRIMARY KEY,
    definition VARCHAR                       -- SearchSpace.to_json; NULL for the vocabulary of foreign runs
);

CREATE TABLE configurations (
    id VARCHAR PRIMARY KEY,
    space VARCHAR NOT NULL,
    algorithm VARCHAR NOT NULL,
    hyperparameters VARCHAR NOT NULL,        -- canonical JSON, active ones only
    origin VARCHAR NOT NULL DEFAULT ''       -- default | design | the source that brought it
);

-- No index: a batch is freed of doubles within itself and appended by an anti-join against its own tasks' rows.
-- The key is every column but resource_value, value, cost_seconds and status.
CREATE TABLE evaluations (
    task_id VARCHAR NOT NULL,
    configuration_id VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    split VARCHAR NOT NULL DEFAULT 'validation',   -- train | validation | test
    resource VARCHAR NOT NULL DEFAULT 'rows',      -- what fidelity is a fraction of
    fidelity DOUBLE NOT NULL DEFAULT 1.0,
    resource_value DOUBLE,
    fold INTEGER NOT NULL DEFAULT -1,              -- -1: mean over folds
    seed BIGINT NOT NULL DEFAULT -1,               -- -1: unknown
    value DOUBLE,                                  -- the raw metric; NULL unless status is ok
    cost_seconds DOUBLE,
    status VARCHAR NOT NULL DEFAULT 'ok',
    source VARCHAR NOT NULL,
    source_run_id VARCHAR NOT NULL DEFAULT '',
    CHECK (status IN ('pending', 'ok', 'pruned', 'crashed', 'timeout', 'memout', 'invalid')),
    CHECK ((value IS NOT NULL) = (status IN ('ok', 'pruned')))
);

CREATE TABLE meta_features (
    task_id VARCHAR NOT NULL,
    extractor VARCHAR NOT NULL,
    extractor_version VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    value DOUBLE,
    seconds DOUBLE,
    status VARCHAR NOT NULL DEFAULT 'ok',
    PRIMARY KEY (task_id, extractor, extractor_version, name)
);

CREATE TABLE ingestions (
    source VARCHAR NOT NULL,
    partition VARCHAR NOT NULL,
    cursor VARCHAR NOT NULL,
    seen BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    already_there BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    started TIMESTAMP NOT NULL,              -- the first batch
    finished TIMESTAMP NOT NULL,             -- the latest batch
    PRIMARY KEY (source, partition)
);

CREATE TABLE quarantine (
    source VARCHAR NOT NULL,
    raw VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    PRIMARY KEY (source, raw, reason)
);
