-- Which changes may have declared experiments, or rules, or one of them, or proposed to, and who made each, when and why? In the order of the log. What comes on a list is
-- proposed and approved, too, and may be long.
SELECT log_position, at, kind, "by", reason, subject
FROM changes
WHERE (kind = $kind OR (kind IN ('approved', $proposed) AND subject LIKE $approved)) AND subject LIKE $about
ORDER BY log_position
