-- Which rows are learned from? Those of the training period.
SELECT *
FROM rows
WHERE occurred_at >= $train_from AND occurred_at < $train_until
ORDER BY row
