--
-- predict and its kin: values, forms of arguments, what is refused, and that each statement sees the model as it is.
--
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- 2 inputs, 3 scores: a, b and a + b + 1
SELECT pgtorch_create_model('p', nn.Linear(2, 3));
SELECT pgtorch_load_state_dict('p', $$ VALUES ('weight', '[[1., 0.], [0., 1.], [1., 1.]]'::tensor), ('bias', '[0., 0., 1.]'::tensor) $$);
-- 1 + 2 (a + b), and through a hidden layer |a - b|
SELECT pgtorch_create_model('one', nn.Linear(2, 1));
SELECT pgtorch_load_state_dict('one', $$ VALUES ('weight', '[[2., 2.]]'::tensor), ('bias', '[1.]'::tensor) $$);
SELECT pgtorch_create_model('abs', nn.Sequential(nn.Linear(2, 2, bias => false), nn.ReLU(), nn.Linear(2, 1, bias => false)));
SELECT pgtorch_load_state_dict('abs', $$ VALUES ('0.weight', '[[1., -1.], [-1., 1.]]'::tensor), ('2.weight', '[[1., 1.]]'::tensor) $$);

SELECT predict('p', 1, 2), predict('one', 1, 2), predict_value('one', 1, 2), predict_value('abs', 1, 2), predict_value('abs', 7, 3.5);
SELECT pg_typeof(predict('p', 1, 2)), torch.shape(predict('p', 1, 2)), pg_typeof(predict_value('one', 1, 2));

-- forms of the arguments
SELECT predict('p', 1::smallint, 2::bigint), predict('p', 1::real, 2::float8), predict('p', 1.0, true);
SELECT predict('p', ARRAY[1, 2]), predict('p', '{1,2}'::float8[]), predict('p', ARRAY[1], 2), predict('p', '[1, 2]'::tensor);
SELECT predict('p', VARIADIC ARRAY[1, 2]);
SELECT predict('p', r) FROM (VALUES (1, 2.5::real)) r(a, b);
SELECT predict('p', ROW(1, 2)), predict('p', ROW(ARRAY[1, 2]));
CREATE TABLE t (a int, b real, c text);
INSERT INTO t SELECT i, i / 2.0, 'x' || i FROM generate_series(1, 4) i;
SELECT predict('p', f) FROM (SELECT a, b FROM t) f;
SELECT predict('p', t) FROM t;
CREATE TYPE two AS (x int, y int);
SELECT predict('p', (1, 2)::two), predict('p', NULL::two), predict('p', (1, NULL)::two);
SELECT predict('p@1', 0, 0) = '[0., 0., 0.]' AS old_version, predict('p@2', 0, 0);

-- NULL: of a feature, an element, the model
SELECT predict('p', 1, NULL::int) IS NULL, predict('p', NULL::real[]) IS NULL, predict('p', ARRAY[1, NULL]) IS NULL,
	predict(NULL, 1, 2) IS NULL, predict_value('one', NULL::int, 1) IS NULL;
SELECT predict('p', 1, NULL);
-- NaN and infinity pass through
SELECT predict('p', 'nan'::real, 1), predict('p', 'inf'::float8, '-inf'::real), predict('p', 'nan'::numeric, 1);

-- what is refused
SELECT predict('p');
SELECT predict('p', 1);
SELECT predict('p', 1, 2, 3);
SELECT predict('p', ARRAY[1, 2, 3]);
SELECT predict('p', '{}'::real[]);
SELECT predict('p', ARRAY[[1, 2], [3, 4]]);
SELECT predict('p', ARRAY[[1, 2]]);
SELECT predict('p', 'a'::text, 'b'::text);
SELECT predict('p', '1', 2);
SELECT predict('p', 1, 1e300::float8);
SELECT predict('p', now(), 2);
SELECT predict('nobody', 1, 2);
SELECT predict('p@9', 1, 2);
SELECT predict('p@x', 1, 2);
SELECT predict(repeat('long', 100), 1, 2);
SELECT predict_value('p', 1, 2);
-- rows may not change shape under one call
SELECT predict('p', x) FROM (VALUES (ARRAY[1, 2]), (ARRAY[1, 2, 3])) v(x);

-- probabilities and classes need a training that implies them
SELECT predict_proba('p', 1, 2);
SELECT predict_class('p', 1, 2);
SELECT predict_proba('one', 1, 2);
SELECT status FROM pgtorch_train('one', 'VALUES (0, 0, 1)', nn.MSELoss());
SELECT predict_value('one', 1, 2);
SELECT predict_proba('one', 1, 2);
SELECT predict_class('one', 1, 2);
SELECT status FROM pgtorch_train('p', $$ VALUES (0, 0, 'c'), (0, 0, 'a'), (0, 0, 'b') $$, nn.CrossEntropyLoss(), optim.SGD(lr => 0));
SELECT predict('p', 1, 2), predict_class('p', 3, 1), predict_class('p', -5, 2), predict_class('p', 2, -5), predict_class('p', NULL::int, 1);
-- softmax([1, 2, 4]): exp(x - 4) / (1 + exp(-2) + exp(-3))
SELECT bool_and(abs(p - exp(x - 4) / (1 + exp(-2::float8) + exp(-3::float8))) < 1e-6) AS softmax
FROM unnest(predict_proba('p', 1, 2)::real[], '{1,2,4}'::float8[]) u(p, x);
SELECT predict_class('p', 'nan'::real, 0);
SELECT predict_class('p@2', 1, 2);

-- shapes seen in training are kept
SELECT pgtorch_create_model('any', nn.Linear(2, 1));
SELECT predict('any', ARRAY[[1, 2], [3, 4]]) IS NOT NULL AS before;
SELECT status FROM pgtorch_train('any', 'SELECT ARRAY[1, 2], 0', nn.MSELoss());
SELECT predict('any', ARRAY[[1, 2], [3, 4]]);

-- in WHERE, ORDER BY, aggregates, views, indexes on results, subqueries, CASE
SELECT a FROM t WHERE predict_value('abs', a, b) > 1 ORDER BY predict_value('abs', a, b) DESC;
SELECT sum(predict_value('abs', a, b)), max(predict_class('p', a, b)), avg(predict('p', a, b)) FROM t;
CREATE VIEW scored AS SELECT a, predict_value('abs', a, b) AS score FROM t;
SELECT * FROM scored ORDER BY a;
SELECT CASE WHEN a > 2 THEN predict_value('abs', a, b) END FROM t ORDER BY a;
SELECT (SELECT max(predict_value('abs', a, v)) FROM (VALUES (0), (1)) x(v)) FROM t ORDER BY a;
SELECT m, predict_value(m, a, b) FROM t, (VALUES ('abs'), ('abs@1'), ('abs@2')) v(m) WHERE a = 1 AND m <> 'abs@1';
CREATE INDEX ON t (predict_value('abs', a, b));

-- every statement sees the model as it is: prepared, in PL/pgSQL, in a cursor that stays at its snapshot
SELECT pgtorch_create_model('w', nn.Linear(1, 1, bias => false));
CREATE FUNCTION put(w real) RETURNS void LANGUAGE sql AS $$
	SELECT FROM pgtorch_load_state_dict('w', format('SELECT ''weight'', ''[[%s.]]''::tensor', w::int)) $$;
SELECT put(1);
PREPARE p AS SELECT predict_value('w', 1);
EXECUTE p;
SELECT put(2);
EXECUTE p;
SET plan_cache_mode = force_generic_plan;
EXECUTE p;
SELECT put(3);
EXECUTE p;
RESET plan_cache_mode;
BEGIN;
DECLARE c CURSOR FOR SELECT predict_value('w', 1) FROM generate_series(1, 3);
FETCH c;
SELECT put(4);
FETCH c;
SELECT predict_value('w', 1);
ROLLBACK;
CREATE FUNCTION seen() RETURNS float8[] LANGUAGE plpgsql AS $$
	DECLARE r float8[]; x float8;
	BEGIN
		FOR i IN 5..8 LOOP
			PERFORM put(i);
			x := predict_value('w', 1);
			r := r || x;
			SELECT r || predict_value('w', 1) INTO r;
		END LOOP;
		RETURN r;
	END $$;
SELECT seen();
SELECT put(1);
SELECT seen(), predict_value('w', 1);	-- a statement sees what was when it began
CREATE FUNCTION stable_seen() RETURNS float8 STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN predict_value('w', 1); END $$;
SELECT stable_seen() FROM (SELECT put(9)) s;
SELECT stable_seen();
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT predict_value('w', 1);
SELECT put(10);
SELECT predict_value('w', 1);
COMMIT;
-- a name that comes to mean another model
SELECT pgtorch_rename_model('w', 'was');
SELECT pgtorch_rename_model('abs', 'w');
EXECUTE p;
SELECT predict_value('w', 1, 3), predict_value('was', 1);
SELECT pgtorch_drop_model('was');
SELECT predict_value('was', 1);
SELECT pgtorch_rename_model('w', 'abs');

-- without room for models: the one in use is kept, the others go
SET pgtorch.cache_memory = 0;
SELECT predict_value('abs', a, b), predict('p', a, b) FROM t ORDER BY a;
SELECT predict_value('abs', 1, 2), predict_value('abs@2', 1, 2), predict_value('one@2', 1, 2);
RESET pgtorch.cache_memory;

-- in parallel workers
CREATE TABLE big AS SELECT i AS a, (i % 10)::real AS b FROM generate_series(1, 20000) i;
ANALYZE big;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
	BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query; END $$;
SELECT bool_or(p ~ 'Parallel') AS parallel FROM plan('SELECT sum(predict_value(''abs'', a, b)) FROM big') p;
SELECT sum(predict_value('abs', a, b)) = sum(abs(a - b)) AS equal FROM big;
-- workers see what this transaction has done, and only then
BEGIN;
SELECT FROM pgtorch_load_state_dict('abs', $$ SELECT '2.weight', '[[2., 2.]]'::tensor $$, strict => false);
SELECT sum(predict_value('abs', a, b)) = sum(2 * abs(a - b)) AS equal FROM big;
ROLLBACK;
SELECT sum(predict_value('abs', a, b)) = sum(abs(a - b)) AS equal FROM big;
SET force_parallel_mode = on;
SELECT predict('p', 1, 2), predict_value('abs', 1, 3), predict_class('p', 9, 0);
SELECT predict('nobody', 1, 2);
RESET force_parallel_mode;
RESET max_parallel_workers_per_gather;
RESET min_parallel_table_scan_size;
RESET parallel_tuple_cost;
RESET parallel_setup_cost;

-- more threads change nothing
SET pgtorch.threads = 2;
SELECT sum(predict_value('abs', a, b)) = sum(abs(a - b)) AS equal FROM big;
RESET pgtorch.threads;

-- a privilege that goes is gone for the next statement, also for one that is prepared
CREATE ROLE regress_predict;
GRANT SELECT ON t TO regress_predict;
SELECT pgtorch_grant('abs', 'regress_predict', 'predict');
SET ROLE regress_predict;
PREPARE q AS SELECT predict_value('abs', 1, 3);
EXECUTE q;
SELECT predict('p', 1, 2);
RESET ROLE;
SELECT pgtorch_revoke('abs', 'regress_predict', 'predict');
SET ROLE regress_predict;
EXECUTE q;
RESET ROLE;
CREATE FUNCTION lent(a int, b int) RETURNS float8 SECURITY DEFINER LANGUAGE sql AS $$ SELECT predict_value('abs', a, b) $$;
SET ROLE regress_predict;
SELECT lent(1, 3);
RESET ROLE;

-- a row type that is altered between two calls at one place is read anew, or refused
CREATE TABLE altered (a int, b float8);
INSERT INTO altered VALUES (1, 3);
DO $$
DECLARE
	r altered;
BEGIN
	FOR i IN 1..3 LOOP
		SELECT * INTO r FROM altered;
		RAISE WARNING '%', predict_value('abs', r);
		IF i = 1 THEN
			EXECUTE 'ALTER TABLE altered DROP b, ADD b float8 DEFAULT 7';
		ELSE
			EXECUTE 'ALTER TABLE altered ALTER b DROP DEFAULT, ALTER b TYPE float8[] USING ARRAY[b]';
		END IF;
	END LOOP;
END $$;
DROP TABLE altered;

-- what a savepoint undoes is undone for the same place and snapshot, too
BEGIN ISOLATION LEVEL REPEATABLE READ;
DO $$
BEGIN
	FOR i IN 1..2 LOOP
		BEGIN
			IF i = 1 THEN
				PERFORM pgtorch_load_state_dict('abs', 'SELECT name, value * 2 FROM pgtorch_state_dict(''abs'')');
			END IF;
			RAISE WARNING '%', predict_value('abs', 1, 3);
			IF i = 1 THEN
				RAISE EXCEPTION 'undo';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
	END LOOP;
END $$;
ROLLBACK;

DROP OWNED BY regress_predict;
DROP ROLE regress_predict;
DROP FUNCTION lent, plan, seen, stable_seen, put;
DROP TABLE t CASCADE;
DROP TABLE big;
DROP TYPE two;
SELECT count(pgtorch_drop_model(name)) FROM pgtorch.models WHERE name = ANY ('{p,one,abs,any}');
