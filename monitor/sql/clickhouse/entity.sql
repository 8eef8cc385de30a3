-- What did one entity do on some days, what was decided, and what is known of it by now? The newest first.
WITH happened AS (
    SELECT log_position, event_id, occurred_at, amount_minor, currency
    FROM events
    WHERE day BETWEEN $first AND $last AND entities[$entity] = $key
    ORDER BY log_position DESC
    LIMIT $limit
),
known AS (
    SELECT
        event_id,
        label,
        source,
        ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY standing DESC) AS place
    FROM labels
    WHERE day >= $first AND event_id IN (SELECT event_id FROM happened)
)
SELECT
    happened.event_id AS event_id,
    happened.occurred_at AS occurred_at,
    happened.amount_minor AS amount_minor,
    happened.currency AS currency,
    decisions.decision AS decision,
    decisions.score AS score,
    known.label AS label,
    known.source AS label_source
FROM happened
JOIN decisions ON decisions.event_position = happened.log_position
LEFT JOIN known ON known.event_id = happened.event_id AND known.place = 1
WHERE decisions.day BETWEEN $first AND $last
ORDER BY happened.log_position DESC
