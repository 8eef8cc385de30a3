-- Who changed what decides, and why: the audit. In the order of the log; there are few, so one partition a year.
CREATE TABLE IF NOT EXISTS changes (
    log_position UInt64 CODEC(Delta, ZSTD(1)),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String),
    by Nullable(String) CODEC(ZSTD(1)),
    reason Nullable(String) CODEC(ZSTD(1)),
    subject String CODEC(ZSTD(1)),
    day Date32 MATERIALIZED toDate32(at) CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYear(day)
ORDER BY log_position
SETTINGS non_replicated_deduplication_window = 1000
