-- Which changes may have declared experiments or rules? In the order of the log.
SELECT log_position, subject
FROM changes
WHERE kind IN ('experimented', 'approved', 'ruled')
ORDER BY log_position
