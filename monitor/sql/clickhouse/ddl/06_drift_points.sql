-- How far things have moved. By the begin of the window, since charts ask for days. Rows of an earlier generation of a slot no longer count and are deleted.
CREATE TABLE IF NOT EXISTS drift_points (
    series LowCardinality(String),
    window LowCardinality(String),
    window_start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    place UInt32 CODEC(Delta, ZSTD(1)),
    reference LowCardinality(String),
    kind LowCardinality(String),
    name LowCardinality(String),
    segment LowCardinality(String),
    model LowCardinality(Nullable(String)),
    model_version Nullable(UInt32) CODEC(ZSTD(1)),
    statistic LowCardinality(String),
    value Nullable(Float64) CODEC(ZSTD(1)),
    threshold Nullable(Float64) CODEC(ZSTD(1)),
    n_reference UInt64 CODEC(ZSTD(1)),
    n_current UInt64 CODEC(ZSTD(1)),
    severity LowCardinality(String),
    detail String CODEC(ZSTD(1)),
    generation UInt64 CODEC(ZSTD(1)),
    day Date32 MATERIALIZED toDate32(window_start) CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (window_start, series, window, place)
SETTINGS non_replicated_deduplication_window = 1000
