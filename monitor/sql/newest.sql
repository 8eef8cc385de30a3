-- Which decisions were made last, of those before a position of the log, and what is known of their events by now? Only those that came
-- to something, or that a rule hit, where that is asked for.
WITH newest AS (
    SELECT *
    FROM decisions
    WHERE day BETWEEN $first AND $last AND log_position < $before
        AND ($verdict = '' OR decision = $verdict)
        AND ($rule = '' OR array_has(rules_hit, $rule) OR array_has(rules_watched, $rule))
    ORDER BY log_position DESC
    LIMIT $limit
),
known AS (
    SELECT
        event_id,
        label,
        ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY standing DESC) AS place
    FROM labels
    WHERE day >= $first AND event_id IN (SELECT event_id FROM newest)
),
happened AS (
    SELECT log_position AS happened_position, currency
    FROM events
    WHERE day BETWEEN $first AND $last AND log_position IN (SELECT event_position FROM newest)
)
SELECT
    newest.log_position AS log_position,
    newest.event_id AS event_id,
    newest.occurred_at AS occurred_at,
    newest.decided_at AS decided_at,
    newest.amount_minor AS amount_minor,
    happened.currency AS currency,
    newest.decision AS decision,
    newest.score AS score,
    newest.model AS model,
    newest.model_version AS model_version,
    newest.probability AS probability,
    newest.total_us AS total_us,
    known.label AS label
FROM newest
LEFT JOIN known ON known.event_id = newest.event_id AND known.place = 1
LEFT JOIN happened ON happened.happened_position = newest.event_position
ORDER BY newest.log_position DESC
