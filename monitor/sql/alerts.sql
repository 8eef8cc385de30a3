-- Which alerts were raised on some days, when was each claimed first and closed, and what was it?
WITH opened AS (
    SELECT log_position, alert_id, policy, severity, at
    FROM alert_events
    WHERE day BETWEEN $first AND $last AND step = 'opened'
),
claimed AS (
    SELECT alert_id, MIN(at) AS at
    FROM alert_events
    WHERE day >= $first AND step = 'claimed'
    GROUP BY alert_id
),
last_turn AS (
    SELECT
        alert_id,
        at,
        step,
        outcome,
        ROW_NUMBER() OVER (PARTITION BY alert_id ORDER BY log_position DESC) AS place
    FROM alert_events
    WHERE day >= $first AND step IN ('resolved', 'dismissed', 'reopened')
)
SELECT
    opened.policy AS policy,
    opened.severity AS severity,
    opened.at AS opened_at,
    claimed.at AS claimed_at,
    last_turn.at AS closed_at,
    last_turn.step AS closed_as,
    last_turn.outcome AS outcome
FROM opened
LEFT JOIN claimed ON claimed.alert_id = opened.alert_id
LEFT JOIN last_turn ON last_turn.alert_id = opened.alert_id AND last_turn.place = 1
ORDER BY opened.log_position, opened.alert_id
