-- Which labels were observed after a point in time?
SELECT log_position
FROM labels
WHERE observed_at > $as_of
