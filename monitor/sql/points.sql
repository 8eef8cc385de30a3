-- What was computed of the windows that begin on some days, as it was computed last? `points` is the table that is asked for.
SELECT *
FROM points
WHERE day BETWEEN $first AND $last
ORDER BY window_start, series, "window", place
