-- Whose was each event of some days? In the order of the log; empty where it had no such entity.
SELECT log_position AS event_position, entities[$entity] AS key
FROM events
WHERE day BETWEEN $first AND $last
ORDER BY log_position
