-- 65_predict.sql
--	  The output of a model for the features of a row.

CREATE FUNCTION @extschema@.predict(model text, VARIADIC features "any") RETURNS @extschema@.tensor
AS 'MODULE_PATHNAME', 'pgtorch_predict'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION @extschema@.predict(text, "any")
IS 'The output of a model (''m'', or version ''m@3'') for the features of one row, the first of several; NULL if a feature is NULL.';

CREATE FUNCTION @extschema@.predict_all(model text, VARIADIC features "any") RETURNS @extschema@.tensor[]
AS 'MODULE_PATHNAME', 'pgtorch_predict_all'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION @extschema@.predict_all(text, "any")
IS 'Every output of a model for the features of one row, in the order in which it gives them; NULL if a feature is NULL.';

CREATE FUNCTION @extschema@.predict_value(model text, VARIADIC features "any") RETURNS double precision
AS 'MODULE_PATHNAME', 'pgtorch_predict_value'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION @extschema@.predict_value(text, "any")
IS 'The output of a model for the features of one row, when it has one element.';

CREATE FUNCTION @extschema@.predict_proba(model text, VARIADIC features "any") RETURNS @extschema@.tensor
AS 'MODULE_PATHNAME', 'pgtorch_predict_proba'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION @extschema@.predict_proba(text, "any")
IS 'The output of a model for the features of one row as probabilities, as the training loss implies them.';

CREATE FUNCTION @extschema@.predict_class(model text, VARIADIC features "any") RETURNS text
AS 'MODULE_PATHNAME', 'pgtorch_predict_class'
LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION @extschema@.predict_class(text, "any")
IS 'The most probable label of one row, of a model that was trained on classes.';
