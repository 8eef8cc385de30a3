-- What was decided about each event of some days, and what was known of it as of a moment? In the order of the log.
-- An event in another currency than the one that is asked for says which.
WITH known AS (
    SELECT event_id, label IN ('fraud', 'default') AS bad, amount_minor AS loss_minor
    FROM labels
    WHERE observed_at <= $as_of AND standing IN (SELECT MAX(standing) FROM labels WHERE observed_at <= $as_of GROUP BY event_id)
),
elsewhere AS (
    SELECT log_position AS elsewhere_position, currency
    FROM events
    WHERE day BETWEEN $first AND $last AND currency <> $currency
)
SELECT
    decisions.event_position AS event_position,
    decisions.occurred_at AS occurred_at,
    decisions.amount_minor AS amount_minor,
    elsewhere.currency AS other_currency,
    decisions.decision AS decision,
    decisions.model_version AS model_version,
    decisions.probability AS probability,
    decisions.review_threshold AS review_threshold,
    decisions.decline_threshold AS decline_threshold,
    decisions.rules_hit AS rules_hit,
    decisions.rules_watched AS rules_watched,
    known.bad AS bad,
    known.loss_minor AS loss_minor
FROM decisions
LEFT JOIN known ON known.event_id = decisions.event_id
LEFT JOIN elsewhere ON elsewhere.elsewhere_position = decisions.event_position
WHERE decisions.day BETWEEN $first AND $last AND decisions.occurred_at <= $as_of
ORDER BY decisions.event_position
