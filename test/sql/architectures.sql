-- State dicts of 100 random networks from PyTorch: loaded, they predict what PyTorch predicts
-- (test/golden/generate_architectures.py).
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
\getenv folder PG_ABS_SRCDIR
\cd :folder
CREATE TEMP TABLE fixture (architecture integer, part text, name text, value text);
\copy fixture FROM golden/architectures.csv CSV
SELECT count(DISTINCT architecture) FROM fixture;

-- what differs by more than is allowed, or the error
CREATE FUNCTION pg_temp.differs(number integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	model text = 'architecture ' || number;
	scale float8;
	difference text;
	compared integer = 0;
	one record;
BEGIN
	PERFORM pgtorch_create_model(model, value::nn.module, seed => number) FROM fixture WHERE architecture = number AND part = 'module';
	PERFORM pgtorch_load_state_dict(model,
		format('SELECT name, value::tensor FROM fixture WHERE architecture = %s AND part = ''state''', number));
	SELECT value INTO scale FROM fixture WHERE architecture = number AND part = 'scale';
	FOR one IN
		SELECT name, predict(model, i.value::tensor) AS got, o.value::tensor AS wanted
		FROM fixture i JOIN fixture o USING (architecture, name)
		WHERE architecture = number AND i.part = 'input' AND o.part = 'output' ORDER BY name
	LOOP
		compared = compared + 1;
		IF torch.shape(one.got) <> torch.shape(one.wanted) OR EXISTS (
			SELECT FROM unnest(torch.flatten(one.got)::float8[], torch.flatten(one.wanted)::float8[]) t(a, b)
			WHERE NOT abs(a - b) <= 1e-5 * abs(b) + 1e-6 * scale) THEN
			difference = format('row %s: %s, wanted %s', one.name, one.got, one.wanted);
		END IF;
	END LOOP;
	PERFORM pgtorch_drop_model(model);
	RETURN CASE WHEN compared = 2 THEN difference ELSE format('%s rows compared, not 2', compared) END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TEMP TABLE result AS
	SELECT architecture, value AS module, pg_temp.differs(architecture) FROM fixture WHERE part = 'module';
SELECT count(*) FILTER (WHERE differs IS NULL) || ' equal' FROM result;
SELECT architecture, module, differs FROM result WHERE differs IS NOT NULL ORDER BY architecture;

-- what modules print reads back equal
SELECT value FROM fixture WHERE part = 'module' AND value::nn.module::text::nn.module <> value::nn.module ORDER BY architecture;
