-- Which generation of each slot of a derived table counts: the row that makes a write count whole. The highest one does, and merges keep it.
CREATE TABLE IF NOT EXISTS slots (
    table_name LowCardinality(String),
    series String,
    window LowCardinality(String),
    window_start DateTime64(6, 'UTC'),
    generation UInt64
)
ENGINE = ReplacingMergeTree(generation)
ORDER BY (table_name, window_start, series, window)
