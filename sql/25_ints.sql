-- 25_ints.sql
--	  Type torch.ints: an int or a tuple of ints, as PyTorch takes sizes, dims and kernel sizes.

CREATE TYPE torch.ints;

CREATE FUNCTION torch.ints_in(cstring) RETURNS torch.ints
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_ints_in';
CREATE FUNCTION torch.ints_out(torch.ints) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_out';
CREATE FUNCTION torch.ints_recv(internal) RETURNS torch.ints
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_ints_recv';
CREATE FUNCTION torch.ints_send(torch.ints) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_canonical_send';

CREATE TYPE torch.ints
(
	INPUT = torch.ints_in,
	OUTPUT = torch.ints_out,
	RECEIVE = torch.ints_recv,
	SEND = torch.ints_send,
	INTERNALLENGTH = VARIABLE,
	STORAGE = extended
);

CREATE FUNCTION torch.ints(integer) RETURNS torch.ints
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_ints_from_integer';
CREATE FUNCTION torch.ints(bigint) RETURNS torch.ints
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_ints_from_bigint';
CREATE FUNCTION torch.ints(integer[]) RETURNS torch.ints
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_ints_from_array';
CREATE FUNCTION torch.ints(bigint[]) RETURNS torch.ints
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'pgtorch_ints_from_array';

CREATE CAST (integer AS torch.ints) WITH FUNCTION torch.ints(integer) AS IMPLICIT;
CREATE CAST (bigint AS torch.ints) WITH FUNCTION torch.ints(bigint) AS IMPLICIT;
CREATE CAST (integer[] AS torch.ints) WITH FUNCTION torch.ints(integer[]) AS IMPLICIT;
CREATE CAST (bigint[] AS torch.ints) WITH FUNCTION torch.ints(bigint[]) AS IMPLICIT;

COMMENT ON TYPE torch.ints IS 'an integer or a list of integers: sizes, dimensions, kernel sizes';
COMMENT ON FUNCTION torch.ints_in(cstring) IS 'I/O';
COMMENT ON FUNCTION torch.ints_out(torch.ints) IS 'I/O';
COMMENT ON FUNCTION torch.ints_recv(internal) IS 'I/O';
COMMENT ON FUNCTION torch.ints_send(torch.ints) IS 'I/O';
COMMENT ON FUNCTION torch.ints(integer) IS 'one integer';
COMMENT ON FUNCTION torch.ints(bigint) IS 'one integer';
COMMENT ON FUNCTION torch.ints(integer[]) IS 'integers of an array';
COMMENT ON FUNCTION torch.ints(bigint[]) IS 'integers of an array';
COMMENT ON CAST (integer AS torch.ints) IS 'one integer';
COMMENT ON CAST (bigint AS torch.ints) IS 'one integer';
COMMENT ON CAST (integer[] AS torch.ints) IS 'integers of an array';
COMMENT ON CAST (bigint[] AS torch.ints) IS 'integers of an array';
