-- Champions beside challengers. By the begin of the window, as drift.
CREATE TABLE IF NOT EXISTS experiment_points (
    series LowCardinality(String),
    window LowCardinality(String),
    window_start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    place UInt32 CODEC(Delta, ZSTD(1)),
    experiment LowCardinality(String),
    champion LowCardinality(String),
    champion_version Nullable(UInt32) CODEC(ZSTD(1)),
    challenger LowCardinality(String),
    challenger_version Nullable(UInt32) CODEC(ZSTD(1)),
    metric LowCardinality(String),
    champion_value Nullable(Float64) CODEC(ZSTD(1)),
    challenger_value Nullable(Float64) CODEC(ZSTD(1)),
    difference Nullable(Float64) CODEC(ZSTD(1)),
    low Nullable(Float64) CODEC(ZSTD(1)),
    high Nullable(Float64) CODEC(ZSTD(1)),
    p_value Nullable(Float64) CODEC(ZSTD(1)),
    n UInt64 CODEC(ZSTD(1)),
    bad UInt64 CODEC(ZSTD(1)),
    verdict LowCardinality(String),
    detail String CODEC(ZSTD(1)),
    generation UInt64 CODEC(ZSTD(1)),
    day Date32 MATERIALIZED toDate32(window_start) CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (window_start, series, window, place)
SETTINGS non_replicated_deduplication_window = 1000
