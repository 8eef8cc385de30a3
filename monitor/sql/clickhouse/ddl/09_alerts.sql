-- What a person should look at. By the begin of the window, as drift.
CREATE TABLE IF NOT EXISTS alerts (
    series LowCardinality(String),
    window LowCardinality(String),
    window_start DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    place UInt32 CODEC(Delta, ZSTD(1)),
    alert_id String CODEC(ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String),
    severity LowCardinality(String),
    subject String CODEC(ZSTD(1)),
    status LowCardinality(String),
    message String CODEC(ZSTD(1)),
    detail String CODEC(ZSTD(1)),
    generation UInt64 CODEC(ZSTD(1)),
    day Date32 MATERIALIZED toDate32(window_start) CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (window_start, series, window, place)
SETTINGS non_replicated_deduplication_window = 1000
