-- 10_tensor.sql
--	  Type tensor: text, binary, type modifier, casts, order, aggregates.

CREATE TYPE @extschema@.tensor;

CREATE FUNCTION @extschema@.tensor_in(cstring, oid, integer) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_in';
COMMENT ON FUNCTION @extschema@.tensor_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION @extschema@.tensor_out(@extschema@.tensor) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_out';
COMMENT ON FUNCTION @extschema@.tensor_out(@extschema@.tensor) IS 'I/O';

CREATE FUNCTION @extschema@.tensor_recv(internal, oid, integer) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_recv';
COMMENT ON FUNCTION @extschema@.tensor_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION @extschema@.tensor_send(@extschema@.tensor) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_send';
COMMENT ON FUNCTION @extschema@.tensor_send(@extschema@.tensor) IS 'I/O';

CREATE FUNCTION @extschema@.tensor_typmod_in(cstring[]) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_typmod_in';
COMMENT ON FUNCTION @extschema@.tensor_typmod_in(cstring[]) IS 'I/O of type modifiers';

CREATE FUNCTION @extschema@.tensor_typmod_out(integer) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_typmod_out';
COMMENT ON FUNCTION @extschema@.tensor_typmod_out(integer) IS 'I/O of type modifiers';

CREATE TYPE @extschema@.tensor
(
	INPUT = @extschema@.tensor_in,
	OUTPUT = @extschema@.tensor_out,
	RECEIVE = @extschema@.tensor_recv,
	SEND = @extschema@.tensor_send,
	TYPMOD_IN = @extschema@.tensor_typmod_in,
	TYPMOD_OUT = @extschema@.tensor_typmod_out,
	STORAGE = external,
	ALIGNMENT = double
);
COMMENT ON TYPE @extschema@.tensor IS 'multidimensional array of one dtype, as torch.Tensor';

-- Casts.  None is implicit: a function for tensors should not be found for arrays or numbers by accident.

CREATE FUNCTION @extschema@.tensor(@extschema@.tensor, integer, boolean) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_coerce';
COMMENT ON FUNCTION @extschema@.tensor(@extschema@.tensor, integer, boolean) IS 'checks dtype and shape of a tensor against a type modifier';

CREATE CAST (@extschema@.tensor AS @extschema@.tensor)
	WITH FUNCTION @extschema@.tensor(@extschema@.tensor, integer, boolean) AS IMPLICIT;
COMMENT ON CAST (@extschema@.tensor AS @extschema@.tensor) IS 'checks dtype and shape against the type modifier';

CREATE FUNCTION @extschema@.array_to_tensor(real[]) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_from_array';
COMMENT ON FUNCTION @extschema@.array_to_tensor(real[]) IS 'real[] as float32 tensor';

CREATE CAST (real[] AS @extschema@.tensor)
	WITH FUNCTION @extschema@.array_to_tensor(real[]) AS ASSIGNMENT;
COMMENT ON CAST (real[] AS @extschema@.tensor) IS 'real[] as float32 tensor';

CREATE FUNCTION @extschema@.tensor_to_real_array(@extschema@.tensor) RETURNS real[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_float4s';
COMMENT ON FUNCTION @extschema@.tensor_to_real_array(@extschema@.tensor) IS 'tensor of 1 to 6 dimensions as real[]';

CREATE CAST (@extschema@.tensor AS real[])
	WITH FUNCTION @extschema@.tensor_to_real_array(@extschema@.tensor) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.tensor AS real[]) IS 'tensor of 1 to 6 dimensions as real[]';

CREATE FUNCTION @extschema@.array_to_tensor(double precision[]) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_from_array';
COMMENT ON FUNCTION @extschema@.array_to_tensor(double precision[]) IS 'double precision[] as float64 tensor';

CREATE CAST (double precision[] AS @extschema@.tensor)
	WITH FUNCTION @extschema@.array_to_tensor(double precision[]) AS ASSIGNMENT;
COMMENT ON CAST (double precision[] AS @extschema@.tensor) IS 'double precision[] as float64 tensor';

CREATE FUNCTION @extschema@.tensor_to_double_array(@extschema@.tensor) RETURNS double precision[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_float8s';
COMMENT ON FUNCTION @extschema@.tensor_to_double_array(@extschema@.tensor) IS 'tensor of 1 to 6 dimensions as double precision[]';

CREATE CAST (@extschema@.tensor AS double precision[])
	WITH FUNCTION @extschema@.tensor_to_double_array(@extschema@.tensor) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.tensor AS double precision[]) IS 'tensor of 1 to 6 dimensions as double precision[]';

CREATE FUNCTION @extschema@.array_to_tensor(smallint[]) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_from_array';
COMMENT ON FUNCTION @extschema@.array_to_tensor(smallint[]) IS 'smallint[] as int16 tensor';

CREATE CAST (smallint[] AS @extschema@.tensor)
	WITH FUNCTION @extschema@.array_to_tensor(smallint[]) AS ASSIGNMENT;
COMMENT ON CAST (smallint[] AS @extschema@.tensor) IS 'smallint[] as int16 tensor';

CREATE FUNCTION @extschema@.tensor_to_smallint_array(@extschema@.tensor) RETURNS smallint[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_int2s';
COMMENT ON FUNCTION @extschema@.tensor_to_smallint_array(@extschema@.tensor) IS 'tensor of 1 to 6 dimensions as smallint[]';

CREATE CAST (@extschema@.tensor AS smallint[])
	WITH FUNCTION @extschema@.tensor_to_smallint_array(@extschema@.tensor) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.tensor AS smallint[]) IS 'tensor of 1 to 6 dimensions as smallint[]';

CREATE FUNCTION @extschema@.array_to_tensor(integer[]) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_from_array';
COMMENT ON FUNCTION @extschema@.array_to_tensor(integer[]) IS 'integer[] as int32 tensor';

CREATE CAST (integer[] AS @extschema@.tensor)
	WITH FUNCTION @extschema@.array_to_tensor(integer[]) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS @extschema@.tensor) IS 'integer[] as int32 tensor';

CREATE FUNCTION @extschema@.tensor_to_integer_array(@extschema@.tensor) RETURNS integer[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_int4s';
COMMENT ON FUNCTION @extschema@.tensor_to_integer_array(@extschema@.tensor) IS 'tensor of 1 to 6 dimensions as integer[]';

CREATE CAST (@extschema@.tensor AS integer[])
	WITH FUNCTION @extschema@.tensor_to_integer_array(@extschema@.tensor) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.tensor AS integer[]) IS 'tensor of 1 to 6 dimensions as integer[]';

CREATE FUNCTION @extschema@.array_to_tensor(bigint[]) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_from_array';
COMMENT ON FUNCTION @extschema@.array_to_tensor(bigint[]) IS 'bigint[] as int64 tensor';

CREATE CAST (bigint[] AS @extschema@.tensor)
	WITH FUNCTION @extschema@.array_to_tensor(bigint[]) AS ASSIGNMENT;
COMMENT ON CAST (bigint[] AS @extschema@.tensor) IS 'bigint[] as int64 tensor';

CREATE FUNCTION @extschema@.tensor_to_bigint_array(@extschema@.tensor) RETURNS bigint[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_int8s';
COMMENT ON FUNCTION @extschema@.tensor_to_bigint_array(@extschema@.tensor) IS 'tensor of 1 to 6 dimensions as bigint[]';

CREATE CAST (@extschema@.tensor AS bigint[])
	WITH FUNCTION @extschema@.tensor_to_bigint_array(@extschema@.tensor) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.tensor AS bigint[]) IS 'tensor of 1 to 6 dimensions as bigint[]';

CREATE FUNCTION @extschema@.array_to_tensor(boolean[]) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_from_array';
COMMENT ON FUNCTION @extschema@.array_to_tensor(boolean[]) IS 'boolean[] as bool tensor';

CREATE CAST (boolean[] AS @extschema@.tensor)
	WITH FUNCTION @extschema@.array_to_tensor(boolean[]) AS ASSIGNMENT;
COMMENT ON CAST (boolean[] AS @extschema@.tensor) IS 'boolean[] as bool tensor';

CREATE FUNCTION @extschema@.tensor_to_boolean_array(@extschema@.tensor) RETURNS boolean[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_bools';
COMMENT ON FUNCTION @extschema@.tensor_to_boolean_array(@extschema@.tensor) IS 'tensor of 1 to 6 dimensions as boolean[]';

CREATE CAST (@extschema@.tensor AS boolean[])
	WITH FUNCTION @extschema@.tensor_to_boolean_array(@extschema@.tensor) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.tensor AS boolean[]) IS 'tensor of 1 to 6 dimensions as boolean[]';

CREATE FUNCTION @extschema@.array_to_tensor(numeric[]) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_from_array';
COMMENT ON FUNCTION @extschema@.array_to_tensor(numeric[]) IS 'numeric[] as float64 tensor';

CREATE CAST (numeric[] AS @extschema@.tensor)
	WITH FUNCTION @extschema@.array_to_tensor(numeric[]) AS ASSIGNMENT;
COMMENT ON CAST (numeric[] AS @extschema@.tensor) IS 'numeric[] as float64 tensor';

CREATE FUNCTION @extschema@.tensor_to_numeric_array(@extschema@.tensor) RETURNS numeric[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_numerics';
COMMENT ON FUNCTION @extschema@.tensor_to_numeric_array(@extschema@.tensor) IS 'tensor of 1 to 6 dimensions as numeric[]';

CREATE CAST (@extschema@.tensor AS numeric[])
	WITH FUNCTION @extschema@.tensor_to_numeric_array(@extschema@.tensor) AS ASSIGNMENT;
COMMENT ON CAST (@extschema@.tensor AS numeric[]) IS 'tensor of 1 to 6 dimensions as numeric[]';

CREATE FUNCTION @extschema@.tensor_to_double(@extschema@.tensor) RETURNS double precision
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_float8';
COMMENT ON FUNCTION @extschema@.tensor_to_double(@extschema@.tensor) IS 'the one element of a tensor as double precision';

CREATE CAST (@extschema@.tensor AS double precision)
	WITH FUNCTION @extschema@.tensor_to_double(@extschema@.tensor);
COMMENT ON CAST (@extschema@.tensor AS double precision) IS 'the one element of a tensor as double precision';

CREATE FUNCTION @extschema@.tensor_to_integer(@extschema@.tensor) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_int4';
COMMENT ON FUNCTION @extschema@.tensor_to_integer(@extschema@.tensor) IS 'the one element of a tensor as integer';

CREATE CAST (@extschema@.tensor AS integer)
	WITH FUNCTION @extschema@.tensor_to_integer(@extschema@.tensor);
COMMENT ON CAST (@extschema@.tensor AS integer) IS 'the one element of a tensor as integer';

CREATE FUNCTION @extschema@.tensor_to_bigint(@extschema@.tensor) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_int8';
COMMENT ON FUNCTION @extschema@.tensor_to_bigint(@extschema@.tensor) IS 'the one element of a tensor as bigint';

CREATE CAST (@extschema@.tensor AS bigint)
	WITH FUNCTION @extschema@.tensor_to_bigint(@extschema@.tensor);
COMMENT ON CAST (@extschema@.tensor AS bigint) IS 'the one element of a tensor as bigint';

CREATE FUNCTION @extschema@.tensor_to_boolean(@extschema@.tensor) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_to_bool';
COMMENT ON FUNCTION @extschema@.tensor_to_boolean(@extschema@.tensor) IS 'the one element of a tensor as boolean';

CREATE CAST (@extschema@.tensor AS boolean)
	WITH FUNCTION @extschema@.tensor_to_boolean(@extschema@.tensor);
COMMENT ON CAST (@extschema@.tensor AS boolean) IS 'the one element of a tensor as boolean';

-- Whole tensors in a total order: dtype, number of dimensions, sizes, elements; NaN equals NaN and is last, -0 equals 0.

CREATE FUNCTION @extschema@.tensor_eq(@extschema@.tensor, @extschema@.tensor) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_eq';
COMMENT ON FUNCTION @extschema@.tensor_eq(@extschema@.tensor, @extschema@.tensor) IS 'implementation of = operator';

CREATE FUNCTION @extschema@.tensor_ne(@extschema@.tensor, @extschema@.tensor) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_ne';
COMMENT ON FUNCTION @extschema@.tensor_ne(@extschema@.tensor, @extschema@.tensor) IS 'implementation of <> operator';

CREATE FUNCTION @extschema@.tensor_lt(@extschema@.tensor, @extschema@.tensor) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_lt';
COMMENT ON FUNCTION @extschema@.tensor_lt(@extschema@.tensor, @extschema@.tensor) IS 'implementation of < operator';

CREATE FUNCTION @extschema@.tensor_le(@extschema@.tensor, @extschema@.tensor) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_le';
COMMENT ON FUNCTION @extschema@.tensor_le(@extschema@.tensor, @extschema@.tensor) IS 'implementation of <= operator';

CREATE FUNCTION @extschema@.tensor_gt(@extschema@.tensor, @extschema@.tensor) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_gt';
COMMENT ON FUNCTION @extschema@.tensor_gt(@extschema@.tensor, @extschema@.tensor) IS 'implementation of > operator';

CREATE FUNCTION @extschema@.tensor_ge(@extschema@.tensor, @extschema@.tensor) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_ge';
COMMENT ON FUNCTION @extschema@.tensor_ge(@extschema@.tensor, @extschema@.tensor) IS 'implementation of >= operator';

CREATE OPERATOR @extschema@.=
(
	LEFTARG = @extschema@.tensor, RIGHTARG = @extschema@.tensor, FUNCTION = @extschema@.tensor_eq,
	COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>),
	RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR @extschema@.= (@extschema@.tensor, @extschema@.tensor) IS 'equal, as whole tensors';

CREATE OPERATOR @extschema@.<>
(
	LEFTARG = @extschema@.tensor, RIGHTARG = @extschema@.tensor, FUNCTION = @extschema@.tensor_ne,
	COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=),
	RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
COMMENT ON OPERATOR @extschema@.<> (@extschema@.tensor, @extschema@.tensor) IS 'not equal, as whole tensors';

CREATE OPERATOR @extschema@.<
(
	LEFTARG = @extschema@.tensor, RIGHTARG = @extschema@.tensor, FUNCTION = @extschema@.tensor_lt,
	COMMUTATOR = OPERATOR(@extschema@.>), NEGATOR = OPERATOR(@extschema@.>=),
	RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel
);
COMMENT ON OPERATOR @extschema@.< (@extschema@.tensor, @extschema@.tensor) IS 'less than, as whole tensors';

CREATE OPERATOR @extschema@.<=
(
	LEFTARG = @extschema@.tensor, RIGHTARG = @extschema@.tensor, FUNCTION = @extschema@.tensor_le,
	COMMUTATOR = OPERATOR(@extschema@.>=), NEGATOR = OPERATOR(@extschema@.>),
	RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel
);
COMMENT ON OPERATOR @extschema@.<= (@extschema@.tensor, @extschema@.tensor) IS 'less than or equal, as whole tensors';

CREATE OPERATOR @extschema@.>
(
	LEFTARG = @extschema@.tensor, RIGHTARG = @extschema@.tensor, FUNCTION = @extschema@.tensor_gt,
	COMMUTATOR = OPERATOR(@extschema@.<), NEGATOR = OPERATOR(@extschema@.<=),
	RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel
);
COMMENT ON OPERATOR @extschema@.> (@extschema@.tensor, @extschema@.tensor) IS 'greater than, as whole tensors';

CREATE OPERATOR @extschema@.>=
(
	LEFTARG = @extschema@.tensor, RIGHTARG = @extschema@.tensor, FUNCTION = @extschema@.tensor_ge,
	COMMUTATOR = OPERATOR(@extschema@.<=), NEGATOR = OPERATOR(@extschema@.<),
	RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel
);
COMMENT ON OPERATOR @extschema@.>= (@extschema@.tensor, @extschema@.tensor) IS 'greater than or equal, as whole tensors';

CREATE FUNCTION @extschema@.tensor_cmp(@extschema@.tensor, @extschema@.tensor) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_cmp';
COMMENT ON FUNCTION @extschema@.tensor_cmp(@extschema@.tensor, @extschema@.tensor) IS 'less-equal-greater';

CREATE FUNCTION @extschema@.tensor_hash(@extschema@.tensor) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_hash';
COMMENT ON FUNCTION @extschema@.tensor_hash(@extschema@.tensor) IS 'hash';

CREATE FUNCTION @extschema@.tensor_hash_extended(@extschema@.tensor, bigint) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_hash_extended';
COMMENT ON FUNCTION @extschema@.tensor_hash_extended(@extschema@.tensor, bigint) IS 'hash with a seed';

CREATE OPERATOR CLASS @extschema@.tensor_btree_ops DEFAULT FOR TYPE @extschema@.tensor USING btree AS
	OPERATOR 1 @extschema@.< (@extschema@.tensor, @extschema@.tensor),
	OPERATOR 2 @extschema@.<= (@extschema@.tensor, @extschema@.tensor),
	OPERATOR 3 @extschema@.= (@extschema@.tensor, @extschema@.tensor),
	OPERATOR 4 @extschema@.>= (@extschema@.tensor, @extschema@.tensor),
	OPERATOR 5 @extschema@.> (@extschema@.tensor, @extschema@.tensor),
	FUNCTION 1 @extschema@.tensor_cmp(@extschema@.tensor, @extschema@.tensor);
COMMENT ON OPERATOR CLASS @extschema@.tensor_btree_ops USING btree IS 'order of whole tensors';
COMMENT ON OPERATOR FAMILY @extschema@.tensor_btree_ops USING btree IS 'order of whole tensors';

CREATE OPERATOR CLASS @extschema@.tensor_hash_ops DEFAULT FOR TYPE @extschema@.tensor USING hash AS
	OPERATOR 1 @extschema@.= (@extschema@.tensor, @extschema@.tensor),
	FUNCTION 1 @extschema@.tensor_hash(@extschema@.tensor),
	FUNCTION 2 @extschema@.tensor_hash_extended(@extschema@.tensor, bigint);
COMMENT ON OPERATOR CLASS @extschema@.tensor_hash_ops USING hash IS 'equality of whole tensors';
COMMENT ON OPERATOR FAMILY @extschema@.tensor_hash_ops USING hash IS 'equality of whole tensors';

-- Aggregates over rows.

CREATE FUNCTION @extschema@.tensor_sum_add(internal, @extschema@.tensor) RETURNS internal
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_sum_add';
COMMENT ON FUNCTION @extschema@.tensor_sum_add(internal, @extschema@.tensor) IS 'transition of sum(tensor) and avg(tensor)';

CREATE FUNCTION @extschema@.tensor_sum_combine(internal, internal) RETURNS internal
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_sum_combine';
COMMENT ON FUNCTION @extschema@.tensor_sum_combine(internal, internal) IS 'combination of sum(tensor) and avg(tensor)';

CREATE FUNCTION @extschema@.tensor_sum_save(internal) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_sum_save';
COMMENT ON FUNCTION @extschema@.tensor_sum_save(internal) IS 'state of sum(tensor) and avg(tensor)';

CREATE FUNCTION @extschema@.tensor_sum_load(bytea, internal) RETURNS internal
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_sum_load';
COMMENT ON FUNCTION @extschema@.tensor_sum_load(bytea, internal) IS 'state of sum(tensor) and avg(tensor)';

CREATE FUNCTION @extschema@.tensor_sum_total(internal) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_sum_total';
COMMENT ON FUNCTION @extschema@.tensor_sum_total(internal) IS 'result of sum(tensor)';

CREATE FUNCTION @extschema@.tensor_sum_mean(internal) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_sum_mean';
COMMENT ON FUNCTION @extschema@.tensor_sum_mean(internal) IS 'result of avg(tensor)';

CREATE AGGREGATE @extschema@.sum(@extschema@.tensor)
(
	SFUNC = @extschema@.tensor_sum_add, STYPE = internal, FINALFUNC = @extschema@.tensor_sum_total,
	COMBINEFUNC = @extschema@.tensor_sum_combine,
	SERIALFUNC = @extschema@.tensor_sum_save, DESERIALFUNC = @extschema@.tensor_sum_load,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.sum(@extschema@.tensor) IS 'sum over rows, element by element; dtype as torch.sum';

CREATE AGGREGATE @extschema@.avg(@extschema@.tensor)
(
	SFUNC = @extschema@.tensor_sum_add, STYPE = internal, FINALFUNC = @extschema@.tensor_sum_mean,
	COMBINEFUNC = @extschema@.tensor_sum_combine,
	SERIALFUNC = @extschema@.tensor_sum_save, DESERIALFUNC = @extschema@.tensor_sum_load,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE @extschema@.avg(@extschema@.tensor) IS 'mean over rows, element by element; dtype as torch.mean';

CREATE FUNCTION @extschema@.tensor_stack_add(internal, @extschema@.tensor) RETURNS internal
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_stack_add';
COMMENT ON FUNCTION @extschema@.tensor_stack_add(internal, @extschema@.tensor) IS 'transition of torch.stack(tensor)';

CREATE FUNCTION @extschema@.tensor_cat_add(internal, @extschema@.tensor) RETURNS internal
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_cat_add';
COMMENT ON FUNCTION @extschema@.tensor_cat_add(internal, @extschema@.tensor) IS 'transition of torch.cat(tensor)';

CREATE FUNCTION @extschema@.tensor_stack_result(internal) RETURNS @extschema@.tensor
	LANGUAGE C IMMUTABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'pgtorch_tensor_stack_result';
COMMENT ON FUNCTION @extschema@.tensor_stack_result(internal) IS 'result of torch.stack(tensor) and torch.cat(tensor)';

CREATE AGGREGATE torch.stack(@extschema@.tensor)
(
	SFUNC = @extschema@.tensor_stack_add, STYPE = internal, FINALFUNC = @extschema@.tensor_stack_result,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE torch.stack(@extschema@.tensor) IS 'rows as one tensor with a new first dimension: torch.stack(x ORDER BY id)';

CREATE AGGREGATE torch.cat(@extschema@.tensor)
(
	SFUNC = @extschema@.tensor_cat_add, STYPE = internal, FINALFUNC = @extschema@.tensor_stack_result,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE torch.cat(@extschema@.tensor) IS 'rows one behind the other along the first dimension: torch.cat(x ORDER BY id)';
