-- Which rows are learned from? Those of the training period.
SELECT *
FROM rows
WHERE occurred_at >= $from AND occurred_at < $until
ORDER BY row
