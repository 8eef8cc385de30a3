-- How well models did. By the begin of the window, as drift.
CREATE TABLE IF NOT EXISTS metric_points (
    series LowCardinality(String),
    window LowCardinality(String),
    window_start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    place UInt32 CODEC(Delta, ZSTD(1)),
    model LowCardinality(String),
    model_version Nullable(UInt32) CODEC(ZSTD(1)),
    segment LowCardinality(String),
    metric LowCardinality(String),
    value Nullable(Float64) CODEC(ZSTD(1)),
    low Nullable(Float64) CODEC(ZSTD(1)),
    high Nullable(Float64) CODEC(ZSTD(1)),
    n UInt64 CODEC(ZSTD(1)),
    bad UInt64 CODEC(ZSTD(1)),
    maturity Nullable(Float64) CODEC(ZSTD(1)),
    estimated Bool,
    detail String CODEC(ZSTD(1)),
    generation UInt64 CODEC(ZSTD(1)),
    day Date32 MATERIALIZED toDate32(window_start) CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (window_start, series, window, place)
SETTINGS non_replicated_deduplication_window = 1000
