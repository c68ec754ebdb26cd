-- 35_lr_scheduler.sql
--	  Learning rate schedulers: values that are Python text in canonical form, and functions that make them.
--
-- They have PyTorch's arguments but three: optimizer (pgtorch_train has it), last_epoch (a training begins at its first
-- epoch) and verbose (pgtorch.epochs has each epoch's rate).

CREATE TYPE lr_scheduler.scheduler;
CREATE FUNCTION lr_scheduler.scheduler_in(cstring) RETURNS lr_scheduler.scheduler
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_sched_in';
CREATE FUNCTION lr_scheduler.scheduler_out(lr_scheduler.scheduler) RETURNS cstring
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_out';
CREATE FUNCTION lr_scheduler.scheduler_recv(internal) RETURNS lr_scheduler.scheduler
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_sched_recv';
CREATE FUNCTION lr_scheduler.scheduler_send(lr_scheduler.scheduler) RETURNS bytea
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_send';

CREATE TYPE lr_scheduler.scheduler
(
	INPUT = lr_scheduler.scheduler_in,
	OUTPUT = lr_scheduler.scheduler_out,
	RECEIVE = lr_scheduler.scheduler_recv,
	SEND = lr_scheduler.scheduler_send,
	INTERNALLENGTH = VARIABLE,
	STORAGE = extended
);

CREATE FUNCTION lr_scheduler.scheduler_eq(lr_scheduler.scheduler, lr_scheduler.scheduler) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_eq';
CREATE FUNCTION lr_scheduler.scheduler_ne(lr_scheduler.scheduler, lr_scheduler.scheduler) RETURNS boolean
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_ne';
CREATE FUNCTION lr_scheduler.scheduler_hash(lr_scheduler.scheduler) RETURNS integer
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_hash';
CREATE FUNCTION lr_scheduler.scheduler_hash_extended(lr_scheduler.scheduler, bigint) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_hash_extended';

CREATE OPERATOR @extschema@.=
(
	LEFTARG = lr_scheduler.scheduler, RIGHTARG = lr_scheduler.scheduler, FUNCTION = lr_scheduler.scheduler_eq,
	COMMUTATOR = OPERATOR(@extschema@.=), NEGATOR = OPERATOR(@extschema@.<>), RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES
);
CREATE OPERATOR @extschema@.<>
(
	LEFTARG = lr_scheduler.scheduler, RIGHTARG = lr_scheduler.scheduler, FUNCTION = lr_scheduler.scheduler_ne,
	COMMUTATOR = OPERATOR(@extschema@.<>), NEGATOR = OPERATOR(@extschema@.=), RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel
);
CREATE OPERATOR CLASS lr_scheduler.scheduler_hash_ops DEFAULT FOR TYPE lr_scheduler.scheduler USING hash AS
	OPERATOR 1 @extschema@.= (lr_scheduler.scheduler, lr_scheduler.scheduler),
	FUNCTION 1 lr_scheduler.scheduler_hash(lr_scheduler.scheduler),
	FUNCTION 2 lr_scheduler.scheduler_hash_extended(lr_scheduler.scheduler, bigint);

COMMENT ON TYPE lr_scheduler.scheduler IS 'a learning rate scheduler, e.g. lr_scheduler.StepLR(30, gamma=0.1); PyTorch''s arguments but optimizer, last_epoch and verbose';
COMMENT ON OPERATOR @extschema@.= (lr_scheduler.scheduler, lr_scheduler.scheduler) IS 'the same text';
COMMENT ON OPERATOR @extschema@.<> (lr_scheduler.scheduler, lr_scheduler.scheduler) IS 'not the same text';
COMMENT ON FUNCTION lr_scheduler.scheduler_in(cstring) IS 'I/O';
COMMENT ON FUNCTION lr_scheduler.scheduler_out(lr_scheduler.scheduler) IS 'I/O';
COMMENT ON FUNCTION lr_scheduler.scheduler_recv(internal) IS 'I/O';
COMMENT ON FUNCTION lr_scheduler.scheduler_send(lr_scheduler.scheduler) IS 'I/O';
COMMENT ON FUNCTION lr_scheduler.scheduler_eq(lr_scheduler.scheduler, lr_scheduler.scheduler) IS 'implementation of = operator';
COMMENT ON FUNCTION lr_scheduler.scheduler_ne(lr_scheduler.scheduler, lr_scheduler.scheduler) IS 'implementation of <> operator';
COMMENT ON FUNCTION lr_scheduler.scheduler_hash(lr_scheduler.scheduler) IS 'hash';
COMMENT ON FUNCTION lr_scheduler.scheduler_hash_extended(lr_scheduler.scheduler, bigint) IS 'hash';

--@generate lr_scheduler

COMMENT ON OPERATOR CLASS lr_scheduler.scheduler_hash_ops USING hash IS 'equality of canonical text';
COMMENT ON OPERATOR FAMILY lr_scheduler.scheduler_hash_ops USING hash IS 'equality of canonical text';
