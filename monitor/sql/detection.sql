-- Of each day's events whose label has arrived, how many were bad, and how many of those did a review or decline catch?
WITH known AS (
    SELECT event_id, label IN ('fraud', 'default') AS bad, amount_minor AS loss_minor
    FROM labels
    WHERE day >= $first AND standing IN (SELECT MAX(standing) FROM labels WHERE day >= $first GROUP BY event_id)
),
judged AS (
    SELECT
        day,
        bad IS NOT NULL AS labelled,
        COALESCE(bad, FALSE) AS bad,
        bad IS NOT NULL AND decision IN ('review', 'decline') AS flagged,
        COALESCE(loss_minor, amount_minor, 0) AS loss_minor
    FROM decisions
    LEFT JOIN known ON known.event_id = decisions.event_id
    WHERE day BETWEEN $first AND $last
),
counted AS (
    SELECT
        day,
        COUNT(*) AS decisions,
        COUNT(*) FILTER (WHERE labelled) AS labelled,
        COUNT(*) FILTER (WHERE bad) AS bad,
        COUNT(*) FILTER (WHERE flagged) AS flagged,
        COUNT(*) FILTER (WHERE bad AND flagged) AS caught,
        COALESCE(SUM(loss_minor) FILTER (WHERE bad AND flagged), 0) AS caught_amount_minor,
        COALESCE(SUM(loss_minor) FILTER (WHERE bad), 0) AS bad_amount_minor
    FROM judged
    GROUP BY day
)
SELECT
    *,
    CAST(caught AS DOUBLE) / NULLIF(flagged, 0) AS precision,
    CAST(caught AS DOUBLE) / NULLIF(bad, 0) AS recall
FROM counted
ORDER BY day
