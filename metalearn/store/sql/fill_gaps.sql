-- Fill in what $table does not know and $rows tell.
UPDATE $table SET $filled
FROM (SELECT $key, $told FROM $rows GROUP BY $key) AS later
WHERE later.$key = $table.$key AND ($gap)
