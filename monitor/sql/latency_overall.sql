-- How long did a decision take over all days together, at the median and in the tail (exact, nearest rank)?
WITH counted AS (
    SELECT total_us, COUNT(*) AS decisions
    FROM decisions
    WHERE day BETWEEN $first AND $last
    GROUP BY total_us
),
ranked AS (
    SELECT
        total_us,
        decisions,
        SUM(decisions) OVER (ORDER BY total_us) AS up_to,
        SUM(decisions) OVER () AS whole
    FROM counted
)
SELECT
    SUM(decisions) AS decisions,
    MIN(total_us) FILTER (WHERE up_to * 1000 >= whole * 500) AS p50_us,
    MIN(total_us) FILTER (WHERE up_to * 1000 >= whole * 900) AS p90_us,
    MIN(total_us) FILTER (WHERE up_to * 1000 >= whole * 990) AS p99_us,
    MIN(total_us) FILTER (WHERE up_to * 1000 >= whole * 999) AS p999_us,
    MAX(total_us) AS max_us
FROM ranked
HAVING COUNT(*) > 0
