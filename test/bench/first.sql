-- The first predict of a connection.
\set QUIET on
SELECT clock_timestamp() AS start \gset
SELECT predict(:'model', x) FROM :table LIMIT 1 \g /dev/null
SELECT 1000 * extract(epoch FROM clock_timestamp() - :'start') AS first \gset
INSERT INTO sample VALUES (:'item', 'pgtorch', :first);
