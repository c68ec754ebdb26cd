-- 30_nn.sql
--	  Modules, losses and optimizers: values that are Python text in canonical form, and functions that make them.

CREATE TYPE nn.module;
CREATE FUNCTION nn.module_in(cstring) RETURNS nn.module
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_module_in';
CREATE FUNCTION nn.module_out(nn.module) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_out';
CREATE FUNCTION nn.module_recv(internal) RETURNS nn.module
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_module_recv';
CREATE FUNCTION nn.module_send(nn.module) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_send';

CREATE TYPE nn.module
(
	INPUT = nn.module_in,
	OUTPUT = nn.module_out,
	RECEIVE = nn.module_recv,
	SEND = nn.module_send,
	INTERNALLENGTH = VARIABLE,
	STORAGE = extended
);

CREATE FUNCTION nn.module_eq(nn.module, nn.module) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_eq';
CREATE FUNCTION nn.module_ne(nn.module, nn.module) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_ne';
CREATE FUNCTION nn.module_hash(nn.module) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_hash';
CREATE FUNCTION nn.module_hash_extended(nn.module, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_hash_extended';

CREATE OPERATOR @extschema@.=
(
	LEFTARG = nn.module, RIGHTARG = nn.module, FUNCTION = nn.module_eq,
	COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>), RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES
);
CREATE OPERATOR @extschema@.<>
(
	LEFTARG = nn.module, RIGHTARG = nn.module, FUNCTION = nn.module_ne,
	COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=), RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
CREATE OPERATOR CLASS nn.module_hash_ops DEFAULT FOR TYPE nn.module USING hash AS
	OPERATOR 1 @extschema@.= (nn.module, nn.module),
	FUNCTION 1 nn.module_hash(nn.module),
	FUNCTION 2 nn.module_hash_extended(nn.module, bigint);

COMMENT ON TYPE nn.module IS 'a module or loss, e.g. nn.Sequential(nn.Linear(64, 32), nn.ReLU())';
COMMENT ON OPERATOR @extschema@.= (nn.module, nn.module) IS 'the same text';
COMMENT ON OPERATOR @extschema@.<> (nn.module, nn.module) IS 'not the same text';
COMMENT ON FUNCTION nn.module_in(cstring) IS 'I/O';
COMMENT ON FUNCTION nn.module_out(nn.module) IS 'I/O';
COMMENT ON FUNCTION nn.module_recv(internal) IS 'I/O';
COMMENT ON FUNCTION nn.module_send(nn.module) IS 'I/O';
COMMENT ON FUNCTION nn.module_eq(nn.module, nn.module) IS 'implementation of = operator';
COMMENT ON FUNCTION nn.module_ne(nn.module, nn.module) IS 'implementation of <> operator';
COMMENT ON FUNCTION nn.module_hash(nn.module) IS 'hash';
COMMENT ON FUNCTION nn.module_hash_extended(nn.module, bigint) IS 'hash';
COMMENT ON OPERATOR CLASS nn.module_hash_ops USING hash IS 'equality of canonical text';
COMMENT ON OPERATOR FAMILY nn.module_hash_ops USING hash IS 'equality of canonical text';

CREATE TYPE optim.optimizer;
CREATE FUNCTION optim.optimizer_in(cstring) RETURNS optim.optimizer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_optim_in';
CREATE FUNCTION optim.optimizer_out(optim.optimizer) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_out';
CREATE FUNCTION optim.optimizer_recv(internal) RETURNS optim.optimizer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_optim_recv';
CREATE FUNCTION optim.optimizer_send(optim.optimizer) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_send';

CREATE TYPE optim.optimizer
(
	INPUT = optim.optimizer_in,
	OUTPUT = optim.optimizer_out,
	RECEIVE = optim.optimizer_recv,
	SEND = optim.optimizer_send,
	INTERNALLENGTH = VARIABLE,
	STORAGE = extended
);

CREATE FUNCTION optim.optimizer_eq(optim.optimizer, optim.optimizer) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_eq';
CREATE FUNCTION optim.optimizer_ne(optim.optimizer, optim.optimizer) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_ne';
CREATE FUNCTION optim.optimizer_hash(optim.optimizer) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_hash';
CREATE FUNCTION optim.optimizer_hash_extended(optim.optimizer, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_hash_extended';

CREATE OPERATOR @extschema@.=
(
	LEFTARG = optim.optimizer, RIGHTARG = optim.optimizer, FUNCTION = optim.optimizer_eq,
	COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>), RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES
);
CREATE OPERATOR @extschema@.<>
(
	LEFTARG = optim.optimizer, RIGHTARG = optim.optimizer, FUNCTION = optim.optimizer_ne,
	COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=), RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
CREATE OPERATOR CLASS optim.optimizer_hash_ops DEFAULT FOR TYPE optim.optimizer USING hash AS
	OPERATOR 1 @extschema@.= (optim.optimizer, optim.optimizer),
	FUNCTION 1 optim.optimizer_hash(optim.optimizer),
	FUNCTION 2 optim.optimizer_hash_extended(optim.optimizer, bigint);

COMMENT ON TYPE optim.optimizer IS 'an optimizer, e.g. optim.Adam(lr=0.001)';
COMMENT ON OPERATOR @extschema@.= (optim.optimizer, optim.optimizer) IS 'the same text';
COMMENT ON OPERATOR @extschema@.<> (optim.optimizer, optim.optimizer) IS 'not the same text';
COMMENT ON FUNCTION optim.optimizer_in(cstring) IS 'I/O';
COMMENT ON FUNCTION optim.optimizer_out(optim.optimizer) IS 'I/O';
COMMENT ON FUNCTION optim.optimizer_recv(internal) IS 'I/O';
COMMENT ON FUNCTION optim.optimizer_send(optim.optimizer) IS 'I/O';
COMMENT ON FUNCTION optim.optimizer_eq(optim.optimizer, optim.optimizer) IS 'implementation of = operator';
COMMENT ON FUNCTION optim.optimizer_ne(optim.optimizer, optim.optimizer) IS 'implementation of <> operator';
COMMENT ON FUNCTION optim.optimizer_hash(optim.optimizer) IS 'hash';
COMMENT ON FUNCTION optim.optimizer_hash_extended(optim.optimizer, bigint) IS 'hash';
COMMENT ON OPERATOR CLASS optim.optimizer_hash_ops USING hash IS 'equality of canonical text';
COMMENT ON OPERATOR FAMILY optim.optimizer_hash_ops USING hash IS 'equality of canonical text';

-- modules and losses
--@generate nn

-- optimizers
--@generate optim
