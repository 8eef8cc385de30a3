-- Of each day's events whose label has arrived, how many were bad, and how many of those did a review or decline catch?
-- Few events have a label: those alone are joined, and the others counted. Losses are those in one currency.
WITH known AS (
    SELECT event_id, label IN ('fraud', 'default') AS bad, amount_minor AS loss_minor
    FROM labels
    WHERE day >= $first AND standing IN (SELECT MAX(standing) FROM labels WHERE day >= $first GROUP BY event_id)
),
elsewhere AS (
    SELECT log_position AS elsewhere_position, currency
    FROM events
    WHERE day BETWEEN $first AND $last AND currency <> $currency
),
judged AS (
    SELECT
        decisions.day AS day,
        known.bad AS bad,
        decisions.decision IN ('review', 'decline') AS flagged,
        CASE WHEN elsewhere.currency IS NULL THEN COALESCE(known.loss_minor, decisions.amount_minor, 0) END AS lost_minor
    FROM decisions
    JOIN known ON known.event_id = decisions.event_id
    LEFT JOIN elsewhere ON elsewhere.elsewhere_position = decisions.event_position
    WHERE decisions.day BETWEEN $first AND $last
),
counted AS (
    SELECT
        day AS labelled_day,
        COUNT(*) AS labelled,
        COUNT(*) FILTER (WHERE bad) AS bad,
        COUNT(*) FILTER (WHERE flagged) AS flagged,
        COUNT(*) FILTER (WHERE bad AND flagged) AS caught,
        COALESCE(SUM(lost_minor) FILTER (WHERE bad AND flagged), 0) AS caught_amount_minor,
        COALESCE(SUM(lost_minor) FILTER (WHERE bad), 0) AS bad_amount_minor,
        COUNT(*) FILTER (WHERE bad AND lost_minor IS NULL) AS other_currency
    FROM judged
    GROUP BY day
),
made AS (
    SELECT day, COUNT(*) AS decisions
    FROM decisions
    WHERE day BETWEEN $first AND $last
    GROUP BY day
)
SELECT
    day,
    decisions,
    COALESCE(labelled, 0) AS labelled,
    COALESCE(bad, 0) AS bad,
    COALESCE(flagged, 0) AS flagged,
    COALESCE(caught, 0) AS caught,
    COALESCE(caught_amount_minor, 0) AS caught_amount_minor,
    COALESCE(bad_amount_minor, 0) AS bad_amount_minor,
    CAST($currency AS VARCHAR) AS currency,
    COALESCE(other_currency, 0) AS other_currency,
    CAST(caught AS DOUBLE) / NULLIF(flagged, 0) AS precision,
    CAST(caught AS DOUBLE) / NULLIF(bad, 0) AS recall
FROM made
LEFT JOIN counted ON labelled_day = day
ORDER BY day
