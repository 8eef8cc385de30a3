-- Which changes may have declared experiments, or rules? In the order of the log. What comes on a list is approved, too, and may be long.
SELECT log_position, subject
FROM changes
WHERE kind = $kind OR (kind = 'approved' AND subject LIKE $approved)
ORDER BY log_position
