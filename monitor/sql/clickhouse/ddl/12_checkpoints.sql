-- How far the projected tables are complete: the row that makes an append count whole. The farthest one counts, and merges keep it.
CREATE TABLE IF NOT EXISTS checkpoints (
    version UInt64,
    reached UInt64,
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(reached)
ORDER BY version
