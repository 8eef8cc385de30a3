-- How many events came each day, how much money did they move in one currency, and how many are in another?
WITH happened AS (
    SELECT day, amount_minor, currency <> $currency AS in_another
    FROM events
    WHERE day BETWEEN $first AND $last
)
SELECT
    day,
    COUNT(*) AS events,
    COALESCE(SUM(amount_minor) FILTER (WHERE NOT in_another), 0) AS amount_minor,
    CAST($currency AS VARCHAR) AS currency,
    COUNT(*) FILTER (WHERE in_another) AS other_currency
FROM happened
GROUP BY day
ORDER BY day
