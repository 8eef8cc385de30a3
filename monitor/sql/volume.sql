-- How many events came each day, and how much money did they move?
SELECT
    day,
    COUNT(*) AS events,
    COALESCE(SUM(amount_minor), 0) AS amount_minor
FROM events
WHERE day BETWEEN $first AND $last
GROUP BY day
ORDER BY day
