-- How long did it take until bad events were known, of all that are known as of a moment?
WITH bad AS (
    SELECT event_id, observed_at, standing
    FROM labels
    WHERE observed_at <= $as_of AND label IN ('fraud', 'default')
),
held AS (
    SELECT event_id
    FROM bad
    WHERE standing IN (SELECT MAX(standing) FROM labels WHERE observed_at <= $as_of GROUP BY event_id)
),
earliest AS (
    SELECT event_id, MIN(observed_at) AS observed_at
    FROM bad
    GROUP BY event_id
)
SELECT decisions.occurred_at AS occurred_at, earliest.observed_at AS observed_at
FROM decisions
JOIN held ON held.event_id = decisions.event_id
JOIN earliest ON earliest.event_id = decisions.event_id
WHERE decisions.occurred_at <= $as_of
