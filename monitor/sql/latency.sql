-- How long did a decision take on each day, at the median and in the tail (exact, nearest rank)?
WITH counted AS (
    SELECT day, total_us, COUNT(*) AS decisions
    FROM decisions
    WHERE day BETWEEN $first AND $last
    GROUP BY day, total_us
),
ranked AS (
    SELECT
        day,
        total_us,
        decisions,
        SUM(decisions) OVER (PARTITION BY day ORDER BY total_us) AS up_to,
        SUM(decisions) OVER (PARTITION BY day) AS whole
    FROM counted
)
SELECT
    day,
    SUM(decisions) AS decisions,
    MIN(total_us) FILTER (WHERE up_to * 1000 >= whole * 500) AS p50_us,
    MIN(total_us) FILTER (WHERE up_to * 1000 >= whole * 900) AS p90_us,
    MIN(total_us) FILTER (WHERE up_to * 1000 >= whole * 990) AS p99_us,
    MIN(total_us) FILTER (WHERE up_to * 1000 >= whole * 999) AS p999_us,
    MAX(total_us) AS max_us
FROM ranked
GROUP BY day
ORDER BY day
