-- Version 3: what many runs of a server share, each fetched once.
CREATE TABLE flows (
    source VARCHAR NOT NULL,
    id BIGINT NOT NULL,
    name VARCHAR NOT NULL,
    class_name VARCHAR NOT NULL,             -- of what it runs; '' where it names none
    version VARCHAR NOT NULL,
    dependencies VARCHAR NOT NULL,           -- as the source gives them
    algorithm VARCHAR NOT NULL,              -- the canonical name where it is known, else the flow's own
    PRIMARY KEY (source, id)
);

CREATE TABLE setups (
    source VARCHAR NOT NULL,
    id BIGINT NOT NULL,
    flow_id BIGINT NOT NULL,
    hyperparameters VARCHAR NOT NULL,        -- a JSON object of the source's own texts
    PRIMARY KEY (source, id)
);
