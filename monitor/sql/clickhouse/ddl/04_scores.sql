-- What each model said. By day and model, since a question is about one model or compares two.
CREATE TABLE IF NOT EXISTS scores (
    log_position UInt64 CODEC(Delta, ZSTD(1)),
    event_position UInt64 CODEC(Delta, ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    model LowCardinality(String),
    model_version UInt32 CODEC(ZSTD(1)),
    role LowCardinality(String),
    decided Bool,
    raw_probability Float64 CODEC(ZSTD(1)),
    probability Float64 CODEC(ZSTD(1)),
    score UInt16 CODEC(ZSTD(1)),
    features_version LowCardinality(Nullable(String)),
    day Date32 MATERIALIZED toDate32(occurred_at) CODEC(Delta, ZSTD(1)),
    INDEX by_position log_position TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, model, model_version, log_position)
SETTINGS non_replicated_deduplication_window = 1000
