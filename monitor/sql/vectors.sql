-- From which vectors were decisions made about the events after a position of the log? In the order of the log.
SELECT event_position, features_version, vector
FROM decisions
WHERE event_position >= $first_position
ORDER BY event_position
LIMIT $limit
