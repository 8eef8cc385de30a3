-- Which decisions were made last, of those before a position of the log, and what is known of their events by now?
WITH newest AS (
    SELECT *
    FROM decisions
    WHERE day BETWEEN $first AND $last AND log_position < $before
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
)
SELECT
    newest.log_position,
    newest.event_id,
    newest.occurred_at,
    newest.decided_at,
    newest.amount_minor,
    newest.decision,
    newest.score,
    newest.model,
    newest.model_version,
    newest.probability,
    newest.total_us,
    known.label
FROM newest
LEFT JOIN known ON known.event_id = newest.event_id AND known.place = 1
ORDER BY newest.log_position DESC
