-- How are the scores spread, and how many in each band of 25 have turned out bad or good so far?
-- Few events have a label: those alone are joined, and the others counted.
WITH known AS (
    SELECT event_id, label IN ('fraud', 'default') AS bad
    FROM labels
    WHERE day >= $first AND standing IN (SELECT MAX(standing) FROM labels WHERE day >= $first GROUP BY event_id)
),
judged AS (
    SELECT
        LEAST(score, 999) - LEAST(score, 999) % 25 AS judged_score,
        COUNT(*) FILTER (WHERE bad) AS bad,
        COUNT(*) FILTER (WHERE NOT bad) AS good
    FROM decisions
    JOIN known ON known.event_id = decisions.event_id
    WHERE day BETWEEN $first AND $last AND score IS NOT NULL
    GROUP BY judged_score
),
made AS (
    SELECT LEAST(score, 999) - LEAST(score, 999) % 25 AS from_score, COUNT(*) AS decisions
    FROM decisions
    WHERE day BETWEEN $first AND $last AND score IS NOT NULL
    GROUP BY from_score
)
SELECT from_score, decisions, COALESCE(bad, 0) AS bad, COALESCE(good, 0) AS good
FROM made
LEFT JOIN judged ON judged_score = from_score
ORDER BY from_score
