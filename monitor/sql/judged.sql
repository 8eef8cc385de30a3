-- What was decided about each event of some days, and what was known of it as of a moment? In the order of the log.
WITH known AS (
    SELECT event_id, label IN ('fraud', 'default') AS bad, amount_minor AS loss_minor
    FROM labels
    WHERE observed_at <= $as_of AND standing IN (SELECT MAX(standing) FROM labels WHERE observed_at <= $as_of GROUP BY event_id)
)
SELECT
    decisions.event_position,
    decisions.occurred_at,
    decisions.amount_minor,
    decisions.decision,
    decisions.model_version,
    decisions.probability,
    decisions.review_threshold,
    decisions.decline_threshold,
    decisions.rules_hit,
    known.bad,
    known.loss_minor
FROM decisions
LEFT JOIN known ON known.event_id = decisions.event_id
WHERE decisions.day BETWEEN $first AND $last AND decisions.occurred_at <= $as_of
ORDER BY decisions.event_position
