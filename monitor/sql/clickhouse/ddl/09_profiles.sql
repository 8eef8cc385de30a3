-- How features, scores and decisions were distributed, hour by hour. By the begin of the window, as drift.
CREATE TABLE IF NOT EXISTS profiles (
    series LowCardinality(String),
    window LowCardinality(String),
    window_start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    place UInt32 CODEC(Delta, ZSTD(1)),
    model LowCardinality(Nullable(String)),
    model_version Nullable(UInt32) CODEC(ZSTD(1)),
    segment LowCardinality(String),
    kind LowCardinality(String),
    name LowCardinality(String),
    rows UInt64 CODEC(ZSTD(1)),
    missing UInt64 CODEC(ZSTD(1)),
    below UInt64 CODEC(ZSTD(1)),
    above UInt64 CODEC(ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    sum_squares Nullable(Float64) CODEC(ZSTD(1)),
    lowest Nullable(Float64) CODEC(ZSTD(1)),
    highest Nullable(Float64) CODEC(ZSTD(1)),
    distinct String CODEC(ZSTD(1)),
    training_range String CODEC(ZSTD(1)),
    edges String CODEC(ZSTD(1)),
    counts String CODEC(ZSTD(1)),
    complete_until UInt64 CODEC(ZSTD(1)),
    generation UInt64 CODEC(ZSTD(1)),
    day Date32 MATERIALIZED toDate32(window_start) CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (window_start, series, window, place)
SETTINGS non_replicated_deduplication_window = 1000
