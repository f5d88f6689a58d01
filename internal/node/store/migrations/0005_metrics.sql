-- +goose Up

-- Measurements of nodes, by the POST that carried them and their place in it.
-- -- spec messages 8.3
CREATE TABLE node_metrics (
    item_hash   TEXT   NOT NULL,
    kind        TEXT   NOT NULL, -- ccn or crn
    position    BIGINT NOT NULL,
    node_id     TEXT   NOT NULL,
    measured_at BIGINT NOT NULL,
    figures     TEXT   NOT NULL, -- JSON object of what was measured
    PRIMARY KEY (item_hash, kind, position)
) WITHOUT ROWID;
CREATE INDEX node_metrics_node ON node_metrics (kind, node_id, measured_at);
CREATE INDEX node_metrics_measured ON node_metrics (measured_at);
