-- 60_model.sql
--	  Functions that make, change and describe models.  They check privileges themselves.

CREATE FUNCTION @extschema@.pgtorch_create_model(name text, module nn.module, seed bigint DEFAULT 0, or_replace boolean DEFAULT false)
RETURNS void
AS 'MODULE_PATHNAME', 'pgtorch_create_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION @extschema@.pgtorch_drop_model(name text, if_exists boolean DEFAULT false)
RETURNS void
AS 'MODULE_PATHNAME', 'pgtorch_drop_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION @extschema@.pgtorch_rename_model(name text, new_name text)
RETURNS void
AS 'MODULE_PATHNAME', 'pgtorch_rename_model'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION @extschema@.pgtorch_grant(model text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME', 'pgtorch_grant'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION @extschema@.pgtorch_revoke(model text, role text, privilege text)
RETURNS void
AS 'MODULE_PATHNAME', 'pgtorch_revoke'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION @extschema@.pgtorch_deploy(model text, version integer)
RETURNS void
AS 'MODULE_PATHNAME', 'pgtorch_deploy'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION @extschema@.pgtorch_summary(model text)
RETURNS TABLE(layer text, module text, output_shape text, parameters bigint)
AS 'MODULE_PATHNAME', 'pgtorch_summary'
LANGUAGE C STABLE PARALLEL SAFE ROWS 20 COST 1000;

CREATE FUNCTION @extschema@.pgtorch_state_dict(model text)
RETURNS TABLE(name text, value @extschema@.tensor)
AS 'MODULE_PATHNAME', 'pgtorch_state_dict'
LANGUAGE C STABLE PARALLEL SAFE ROWS 20 COST 10000;

CREATE FUNCTION @extschema@.pgtorch_load_state_dict(model text, source text, strict boolean DEFAULT true)
RETURNS integer
AS 'MODULE_PATHNAME', 'pgtorch_load_state_dict'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.pgtorch_create_model(text, nn.module, bigint, boolean) IS
	'makes a model; version 1 has PyTorch''s initial weights for the seed';
COMMENT ON FUNCTION @extschema@.pgtorch_drop_model(text, boolean) IS
	'drops a model with its versions and history';
COMMENT ON FUNCTION @extschema@.pgtorch_rename_model(text, text) IS
	'renames a model';
COMMENT ON FUNCTION @extschema@.pgtorch_grant(text, text, text) IS
	'grants predict or train on a model to a role, or to public';
COMMENT ON FUNCTION @extschema@.pgtorch_revoke(text, text, text) IS
	'revokes predict or train on a model from a role, or from public';
COMMENT ON FUNCTION @extschema@.pgtorch_deploy(text, integer) IS
	'makes a version of a model the one that its plain name means';
COMMENT ON FUNCTION @extschema@.pgtorch_summary(text) IS
	'layers of a model, with output shapes (N is the batch) once data was seen';
COMMENT ON FUNCTION @extschema@.pgtorch_state_dict(text) IS
	'parameters and buffers of a model or version (''m@3'')';
COMMENT ON FUNCTION @extschema@.pgtorch_load_state_dict(text, text, boolean) IS
	'loads weights that a query gives as (name, value), as a new version that is deployed; returns its number';
