-- What events turned out to be. By event, since that is how they are joined; the day of observation narrows which partitions a question opens.
CREATE TABLE IF NOT EXISTS labels (
    log_position UInt64 CODEC(Delta, ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    label LowCardinality(String),
    source LowCardinality(String),
    category LowCardinality(Nullable(String)),
    observed_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    amount_minor Nullable(Int64) CODEC(ZSTD(1)),
    standing Decimal(38, 0) CODEC(ZSTD(1)),
    day Date32 MATERIALIZED toDate32(observed_at) CODEC(Delta, ZSTD(1)),
    INDEX by_position log_position TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (event_id, log_position)
SETTINGS non_replicated_deduplication_window = 1000
