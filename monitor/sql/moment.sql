-- What is the newest moment that anything is known of?
SELECT MAX(moment) AS moment
FROM (
    SELECT MAX(decided_at) AS moment FROM decisions
    UNION ALL
    SELECT MAX(received_at) AS moment FROM labels
) AS moments
WHERE moment IS NOT NULL
HAVING COUNT(*) > 0
