-- What did one entity do on some days, in events before a position of the log, what was decided, and what is known of it by now? The newest first.
WITH happened AS (
    SELECT log_position AS event_position, event_id, occurred_at, amount_minor, currency
    FROM events
    WHERE day BETWEEN $first AND $last AND log_position < $before AND entities[$entity] = $key
    ORDER BY log_position DESC
    LIMIT $limit
),
decided AS (
    SELECT event_position, decision, score
    FROM decisions
    WHERE day BETWEEN $first AND $last
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
    happened.event_position AS event_position,
    happened.event_id AS event_id,
    happened.occurred_at AS occurred_at,
    happened.amount_minor AS amount_minor,
    happened.currency AS currency,
    decided.decision AS decision,
    decided.score AS score,
    known.label AS label,
    known.source AS label_source
FROM happened
LEFT JOIN decided ON decided.event_position = happened.event_position
LEFT JOIN known ON known.event_id = happened.event_id AND known.place = 1
ORDER BY happened.event_position DESC
