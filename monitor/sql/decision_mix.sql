-- How were each day's events decided?
SELECT
    day,
    COUNT(*) FILTER (WHERE decision = 'approve') AS approve,
    COUNT(*) FILTER (WHERE decision = 'challenge') AS challenge,
    COUNT(*) FILTER (WHERE decision = 'review') AS review,
    COUNT(*) FILTER (WHERE decision = 'decline') AS decline
FROM decisions
WHERE day BETWEEN $first AND $last
GROUP BY day
ORDER BY day
