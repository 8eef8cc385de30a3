-- What was decided about one event, from which numbers and why, and what is known of it by now?
WITH known AS (
    SELECT event_id, label, source, category, observed_at
    FROM labels
    WHERE event_id = $event_id
    ORDER BY standing DESC
    LIMIT 1
)
SELECT
    decisions.*,
    events.currency,
    events.entities,
    events.attributes,
    known.label,
    known.source AS label_source,
    known.category AS label_category,
    known.observed_at AS label_observed_at
FROM decisions
JOIN events ON events.log_position = decisions.event_position
LEFT JOIN known ON known.event_id = decisions.event_id
WHERE decisions.event_id = $event_id
