-- Which changes may have declared experiments? In the order of the log.
SELECT log_position, subject
FROM changes
WHERE kind IN ('experimented', 'approved')
ORDER BY log_position
