-- Version 2: why evaluations failed, and which libraries made those of a source.
CREATE TABLE failures (
    task_id VARCHAR NOT NULL,
    configuration_id VARCHAR NOT NULL,
    status VARCHAR NOT NULL,                 -- crashed | timeout | memout | invalid
    message VARCHAR NOT NULL,                -- the first line of what was said
    PRIMARY KEY (task_id, configuration_id, status, message)
);

CREATE TABLE libraries (
    source VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    PRIMARY KEY (source, name, version)
);
