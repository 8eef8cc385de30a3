-- Which rows are tested on? Those of the test days, without the entities that were known to be compromised by then: the ones with a
-- bad event since a point in time that is more than the label delay (and a day) old.
SELECT tested.*
FROM wanted AS tested
WHERE tested.occurred_at >= $from AND tested.occurred_at < $until
  AND NOT EXISTS (
    SELECT 1
    FROM rows AS known
    WHERE known.entity = tested.entity
      AND known.bad
      AND known.occurred_at >= $known_since
      AND known.day < tested.day - $delay_days
  )
ORDER BY tested.row
