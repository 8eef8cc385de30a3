-- What happened. By day, then in the order of the log, as decisions are; entities and attributes are maps, so that the table outlives a change of the pipeline's schema.
CREATE TABLE IF NOT EXISTS events (
    log_position UInt64 CODEC(Delta, ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    amount_minor Nullable(Int64) CODEC(ZSTD(1)),
    currency LowCardinality(Nullable(String)),
    entities Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    day Date32 MATERIALIZED toDate32(occurred_at) CODEC(Delta, ZSTD(1)),
    INDEX by_position log_position TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, log_position)
SETTINGS non_replicated_deduplication_window = 1000
