-- What was decided about one event, from which numbers and why, and what is known of it by now?
WITH known AS (
    SELECT event_id AS known_event_id, label, source, category, observed_at
    FROM labels
    WHERE event_id = $event_id
    ORDER BY standing DESC
    LIMIT 1
),
happened AS (
    SELECT log_position AS happened_position, currency, entities, attributes
    FROM events
    WHERE log_position IN (SELECT event_position FROM decisions WHERE event_id = $event_id)
)
SELECT
    decided.*,
    happened.currency AS currency,
    happened.entities AS entities,
    happened.attributes AS attributes,
    known.label AS label,
    known.source AS label_source,
    known.category AS label_category,
    known.observed_at AS label_observed_at
FROM (SELECT * FROM decisions WHERE event_id = $event_id) AS decided
JOIN happened ON happened.happened_position = decided.event_position
LEFT JOIN known ON known.known_event_id = decided.event_id
