-- Of what kind was each event of some days? In the order of the log.
SELECT log_position AS event_position, attributes
FROM events
WHERE day BETWEEN $first AND $last
ORDER BY log_position
