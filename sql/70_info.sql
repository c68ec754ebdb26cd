-- 70_info.sql
--	  What runs here.

CREATE FUNCTION @extschema@.pgtorch_info(OUT key text, OUT value text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pgtorch_info'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION @extschema@.pgtorch_info()
IS 'Versions, instruction set, BLAS and its core, threads: what pgtorch runs on.';
