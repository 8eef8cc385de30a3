-- How are the scores spread, and how many in each band of 25 have turned out bad or good so far?
WITH known AS (
    SELECT event_id, label IN ('fraud', 'default') AS bad
    FROM labels
    WHERE day >= $first AND standing IN (SELECT MAX(standing) FROM labels WHERE day >= $first GROUP BY event_id)
)
SELECT
    LEAST(score, 999) / 25 * 25 AS from_score,
    COUNT(*) AS decisions,
    COUNT(*) FILTER (WHERE bad) AS bad,
    COUNT(*) FILTER (WHERE NOT bad) AS good
FROM decisions
LEFT JOIN known ON known.event_id = decisions.event_id
WHERE day BETWEEN $first AND $last AND score IS NOT NULL
GROUP BY from_score
ORDER BY from_score
