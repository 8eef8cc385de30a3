-- What happened with each alert, and when. In the order of the log, by month.
CREATE TABLE IF NOT EXISTS alert_events (
    log_position UInt64 CODEC(Delta, ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    alert_id String CODEC(ZSTD(1)),
    policy LowCardinality(String),
    step LowCardinality(String),
    by String CODEC(ZSTD(1)),
    severity LowCardinality(Nullable(String)),
    outcome LowCardinality(Nullable(String)),
    event_id Nullable(String) CODEC(ZSTD(1)),
    amount_minor Nullable(Int64) CODEC(ZSTD(1)),
    text Nullable(String) CODEC(ZSTD(1)),
    day Date32 MATERIALIZED toDate32(at) CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY log_position
SETTINGS non_replicated_deduplication_window = 1000
