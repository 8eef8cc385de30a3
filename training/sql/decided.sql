-- Which events were decided, from which features, and what was known of each as of a point in time?
WITH known AS (
    SELECT event_id, label
    FROM labels
    WHERE observed_at <= $as_of
      AND standing IN (SELECT MAX(standing) FROM labels WHERE observed_at <= $as_of GROUP BY event_id)
)
SELECT
    CAST(decisions.event_position AS BIGINT) AS position,
    decisions.occurred_at,
    CAST(decisions.features_version AS VARCHAR) AS features_version,
    decisions.vector,
    events.amount_minor,
    (events.currency IS NOT NULL AND events.currency <> $currency) AS other_currency,
    events.entities,
    events.attributes,
    CAST(known.label AS VARCHAR) AS label
FROM decisions
JOIN events ON events.log_position = decisions.event_position
LEFT JOIN known ON known.event_id = decisions.event_id
ORDER BY decisions.event_position
