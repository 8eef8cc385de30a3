-- Which changes may have declared experiments or rules? In the order of the log.
SELECT log_position, subject
FROM changes
WHERE kind IN ('experimented', 'ruled')
    -- What comes on a list is a change, too, and may be long.
    OR (kind = 'approved' AND (subject LIKE '%Experimented%' OR subject LIKE '%Ruled%'))
ORDER BY log_position
