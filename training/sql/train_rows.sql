-- Which rows are learned from? Those of the training period.
SELECT *
FROM wanted
WHERE occurred_at >= $from AND occurred_at < $until
ORDER BY row
