-- What was computed of the windows that begin on some days, as it was computed last?
SELECT * EXCEPT (generation)
FROM {table:Identifier}
WHERE day BETWEEN $first AND $last AND (series, window, window_start, generation) IN (
    SELECT series, window, window_start, MAX(generation)
    FROM slots
    WHERE table_name = $name AND toDate32(window_start) BETWEEN $first AND $last
    GROUP BY series, window, window_start
)
ORDER BY window_start, series, window, place
