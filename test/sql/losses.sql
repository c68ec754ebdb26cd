--
-- Losses: how they are written, what targets they read, and that models learn with them.  The numbers
-- are compared with PyTorch's in test/engine/test_loss.c.
--
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE SCHEMA losses;
SET search_path = losses, public;

-- PyTorch's names, positional and by name; defaults are left out
SELECT nn.CrossEntropyLoss(ARRAY[1, 2], ignore_index => 0, label_smoothing => 0.5), nn.NLLLoss(), nn.NLLLoss(ARRAY[1, 2.5], 7, 'sum');
SELECT nn.MSELoss(), nn.L1Loss('sum'), nn.SmoothL1Loss(), nn.SmoothL1Loss('sum', 0.5), nn.HuberLoss(delta => 2);
SELECT nn.BCELoss(), nn.BCELoss(ARRAY[1, 2]), nn.BCEWithLogitsLoss(), nn.BCEWithLogitsLoss(pos_weight => ARRAY[3.0]);
SELECT nn.KLDivLoss(), nn.KLDivLoss('batchmean', true), nn.PoissonNLLLoss(), nn.PoissonNLLLoss(false, true, 1e-4), nn.GaussianNLLLoss(full => true);
SELECT nn.HingeEmbeddingLoss(), nn.HingeEmbeddingLoss(2), nn.CosineEmbeddingLoss(), nn.CosineEmbeddingLoss(0.5), nn.MarginRankingLoss(0.1, 'sum');
SELECT nn.MultiMarginLoss(), nn.MultiMarginLoss(2, weight => '{1,2}'), nn.MultiLabelMarginLoss('sum'), nn.MultiLabelSoftMarginLoss('{1,2}');
SELECT nn.SoftMarginLoss(), nn.TripletMarginLoss(), nn.TripletMarginLoss(2, 1, swap => true), nn.TripletMarginLoss(p => 'inf');

-- Python's text reads the same, and what is printed reads back equal
SELECT 'nn.SmoothL1Loss(beta=0.5)'::nn.module = nn.SmoothL1Loss(beta => 0.5), 'torch.nn.TripletMarginLoss(p=float("inf"))'::nn.module,
	'nn.BCEWithLogitsLoss(pos_weight=[3])'::nn.module;
SELECT l = l::text::nn.module FROM (VALUES (nn.PoissonNLLLoss(eps => 0.1)), (nn.MultiMarginLoss(2, 0.5, '{1,2}'))) v(l);

-- mistakes are named
\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql
SELECT pg_temp.fails('SELECT ' || c) FROM (VALUES
	('$$nn.HubberLoss()$$::nn.module'),
	('$$nn.HuberLoss(dleta=1)$$::nn.module'),
	('$$nn.HuberLoss(1)$$::nn.module'),
	('nn.HuberLoss(delta => 0)'),
	('nn.HuberLoss(delta => $$inf$$)'),
	('nn.SmoothL1Loss(beta => -1)'),
	('nn.MSELoss($$average$$)'),
	('nn.L1Loss($$batchmean$$)'),
	('nn.KLDivLoss(NULL)'),
	('nn.GaussianNLLLoss(eps => -1)'),
	('nn.MultiMarginLoss(3)'),
	('nn.TripletMarginLoss(p => 0)'),
	('nn.TripletMarginLoss(margin => $$nan$$)'),
	('nn.TripletMarginLoss(margin => 0)'),
	('nn.BCELoss(ARRAY[1, NULL])'),
	('$$nn.BCELoss(weight="a")$$::nn.module'),
	('nn.CTCLoss()')) v(c);

-- every loss can be trained with: data and the model that suit it, and the loss goes down
CREATE TABLE points (i int, x real[], c int, yes boolean, label text, v real, sign int, many int[], share real[]);
INSERT INTO points
SELECT i, ARRAY[a, b], CASE WHEN a > 0.3 THEN 2 WHEN b > 0 THEN 1 ELSE 0 END, a > b, CASE WHEN a > b THEN 'up' ELSE 'down' END, a - 2 * b,
	CASE WHEN a > b THEN 1 ELSE -1 END, CASE WHEN a > b THEN '{0,2,-1}'::int[] ELSE '{1,-1,-1}' END,
	CASE WHEN a > b THEN '{0.7,0.2,0.1}'::real[] ELSE '{0.1,0.1,0.8}' END
FROM (SELECT i, sin(i) AS a, cos(i * i) AS b FROM generate_series(1, 64) i) s;

CREATE FUNCTION learns(model nn.module, dataset text, loss nn.module) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	losses float8[];
	hint text;
BEGIN
	PERFORM pgtorch_create_model('loss_trained', model, seed => 1, or_replace => true);
	PERFORM FROM pgtorch_train('loss_trained', dataset, loss, optim.SGD(lr => 0.05), epochs => 12, batch_size => 16);
	SELECT array_agg(e.loss ORDER BY epoch) INTO losses FROM pgtorch.epochs e WHERE run = (SELECT max(id) FROM pgtorch.runs);
	IF losses[12] < losses[1] AND NOT losses[12] = 'nan' THEN
		RETURN 'learns';
	END IF;
	RETURN losses;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || SQLERRM || CASE WHEN hint <> '' THEN ' | ' || hint ELSE '' END;
END $$;
SELECT l, learns(nn.Linear(2, outputs), 'SELECT x, ' || target || ' FROM points ORDER BY i', l) FROM (VALUES
	(3, 'c', nn.CrossEntropyLoss()), (3, 'share', nn.CrossEntropyLoss()), (3, 'share', nn.NLLLoss()), (3, 'c', nn.MultiMarginLoss()),
	(3, 'c::bigint', nn.MultiMarginLoss(2, 0.5, '{1,2,3}')), (2, 'label', nn.MultiMarginLoss()), (3, 'many', nn.MultiLabelMarginLoss()),
	(1, 'v', nn.MSELoss()), (1, 'v', nn.L1Loss()), (1, 'v', nn.SmoothL1Loss()), (1, 'v', nn.HuberLoss()),
	(3, 'share', nn.L1Loss()), (3, 'share', nn.MultiLabelSoftMarginLoss()), (1, 'yes', nn.BCEWithLogitsLoss()),
	(3, 'share', nn.BCEWithLogitsLoss()), (3, 'share', nn.KLDivLoss('batchmean')),
	(1, 'c', nn.PoissonNLLLoss()), (1, 'sign', nn.SoftMarginLoss()), (1, 'sign', nn.HingeEmbeddingLoss())) v(outputs, target, l);

-- losses of pairs and triplets: the parts are one feature column; of a mean and its variance: the halves of the output
CREATE VIEW pairs AS SELECT a.i, ARRAY[a.x, b.x] AS x, CASE WHEN a.yes = b.yes THEN 1 ELSE -1 END AS same, CASE WHEN a.v > b.v THEN 1 ELSE -1 END AS larger
FROM points a JOIN points b ON b.i = a.i % 64 + 1;
CREATE VIEW triplets AS SELECT a.i, ARRAY[a.x, p.x, n.x] AS x
FROM points a, LATERAL (SELECT x FROM points WHERE yes = a.yes AND i <> a.i ORDER BY i LIMIT 1) p, LATERAL (SELECT x FROM points WHERE yes <> a.yes ORDER BY i LIMIT 1) n;
SELECT learns(nn.Linear(2, 3), 'SELECT x, same FROM pairs ORDER BY i', nn.CosineEmbeddingLoss());
SELECT learns(nn.Linear(2, 1), 'SELECT x, larger FROM pairs ORDER BY i', nn.MarginRankingLoss(0.1));
SELECT learns(nn.Linear(2, 3), 'SELECT x, 0 FROM triplets ORDER BY i', nn.TripletMarginLoss());
-- the network by itself, of one part
SELECT pgtorch_create_model('loss_alone', nn.Linear(2, 3)), pgtorch_load_state_dict('loss_alone', $$SELECT * FROM pgtorch_state_dict('loss_trained')$$);
SELECT torch.shape(predict('loss_trained', x)), torch.shape(predict('loss_alone', ARRAY[1, 2])) FROM triplets LIMIT 1;
SELECT pgtorch_create_model('loss_spread', nn.Linear(2, 2));
SELECT pgtorch_load_state_dict('loss_spread', $$VALUES ('weight', '[[0., 0.], [0., 0.]]'::tensor), ('bias', '[0., 9.]'::tensor)$$);
SELECT loss < 1.5 AS learned FROM pgtorch_train('loss_spread', 'SELECT x, v FROM points ORDER BY i', nn.GaussianNLLLoss(), optim.SGD(0.1), epochs => 30);

-- outputs that do not fit say how to feed the loss
SELECT learns(nn.Linear(2, 2), 'SELECT x, sign FROM points', nn.CosineEmbeddingLoss());
SELECT learns(nn.Linear(2, 1), 'SELECT x, sign FROM points', nn.MarginRankingLoss());
SELECT learns(nn.Linear(2, 3), 'SELECT x, sign FROM points', nn.TripletMarginLoss());
SELECT learns(nn.Linear(2, 3), 'SELECT x, v FROM points', nn.GaussianNLLLoss());
SELECT learns(nn.Linear(2, 2), 'SELECT x, v FROM points', nn.MSELoss());
SELECT learns(nn.Linear(2, 2), 'SELECT x, c FROM points', nn.NLLLoss());
SELECT learns(nn.Linear(2, 3), 'SELECT x, c FROM points', nn.NLLLoss(ARRAY[1, 2]));
SELECT learns(nn.Linear(2, 3), 'SELECT x, c FROM points', nn.MultiLabelMarginLoss());
SELECT learns(nn.Linear(2, 3), 'SELECT x, share FROM points', nn.MultiMarginLoss());
SELECT learns(nn.Linear(2, 3), 'SELECT x, ARRAY[0, 3, -1] FROM points', nn.MultiLabelMarginLoss());
SELECT learns(nn.Linear(2, 1), 'SELECT x, v FROM points', nn.HuberLoss('none'));
SELECT learns(nn.Linear(2, 1), 'SELECT x, label FROM points', nn.MSELoss());
-- BCELoss is of probabilities: other outputs end the run
SELECT learns(nn.Linear(2, 1), 'SELECT x, yes FROM points', nn.BCELoss());

-- two labels: 0 and 1 in their order, and predict_class gives them back
SELECT pgtorch_create_model('loss_b', nn.Linear(1, 1));
SELECT pgtorch_load_state_dict('loss_b', $$VALUES ('weight', '[[1.]]'::tensor), ('bias', '[0.]'::tensor)$$);
CREATE FUNCTION classes(target text, loss nn.module) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
	version int;
BEGIN
	SELECT t.version INTO version FROM pgtorch_train('loss_b@2', format('SELECT i, %s FROM points WHERE i < 10', target), loss, optim.SGD(lr => 0)) t;
	RETURN (SELECT string_agg(coalesce(predict_class('loss_b@' || version, x), 'NULL'), ' ' ORDER BY x) FROM (VALUES (-1.0), (0), (2), (NULL)) v(x));
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || SQLERRM || CASE WHEN hint <> '' THEN ' | ' || hint ELSE '' END;
END $$;
CREATE TYPE mood AS ENUM ('sad', 'happy');
SELECT t, classes(t, nn.BCEWithLogitsLoss()) FROM (VALUES ('label'), ('yes'), ('(CASE WHEN yes THEN ''happy'' ELSE ''sad'' END)::mood'),
	('yes::int'), ('i * 0.1'), ('''one'''), ('i::text'), ('NULL::text'), ('now()')) v(t);
SELECT classes('yes', nn.MSELoss());
-- the loss sees them as 0 and 1: log(1 + exp(x)) - y x
SELECT abs(loss - (ln(1 + exp(2)) + ln(1 + exp(3)) - 3) / 2) < 1e-6 AS labels_are_0_and_1
FROM pgtorch_train('loss_b@2', 'VALUES (2, ''no''), (3, ''yes'')', nn.BCEWithLogitsLoss(), optim.SGD(lr => 0));
SELECT abs(loss - (ln(1 + exp(2)) + ln(1 + exp(3)) - 2) / 2) < 1e-6 AS in_sorted_order
FROM pgtorch_train('loss_b@2', 'VALUES (2, ''z''), (3, ''a'')', nn.BCEWithLogitsLoss(), optim.SGD(lr => 0));
-- the labels belong to the version
SELECT classes('label', nn.BCEWithLogitsLoss());
SELECT status FROM pgtorch_train('loss_b', 'VALUES (1, ''up''), (2, ''down'')', nn.BCEWithLogitsLoss());
SELECT status FROM pgtorch_train('loss_b', 'VALUES (1, ''up''), (2, ''sideways'')', nn.BCEWithLogitsLoss());
SELECT abs(predict_value('loss_b', 3) - ln(torch.item(predict_proba('loss_b', 3)) / (1 - torch.item(predict_proba('loss_b', 3))))) < 1e-4 AS sigmoid;

-- BCELoss: the output is the probability
SELECT pgtorch_create_model('loss_p', nn.Linear(1, 1));
SELECT pgtorch_load_state_dict('loss_p', $$VALUES ('weight', '[[0.25]]'::tensor), ('bias', '[0.]'::tensor)$$);
SELECT status FROM pgtorch_train('loss_p', 'SELECT i % 4, i % 4 > 1 FROM points', nn.BCELoss(), optim.SGD(lr => 0));
SELECT predict_proba('loss_p', x), predict_class('loss_p', x) FROM (VALUES (1), (2), (3)) v(x);
-- NLLLoss: log-probabilities
SELECT pgtorch_create_model('loss_n', nn.Linear(1, 2, bias => false));
SELECT pgtorch_load_state_dict('loss_n', $$VALUES ('weight', '[[-1.], [-2.]]'::tensor)$$);
SELECT status FROM pgtorch_train('loss_n', 'SELECT 1, label FROM points', nn.NLLLoss(), optim.SGD(lr => 0));
SELECT predict_class('loss_n', 1), abs(torch.item(torch.sum(predict_proba('loss_n', 1))) - exp(-1) - exp(-2)) < 1e-6 AS exponentials;
-- several answers at once have probabilities, but no class
SELECT pgtorch_create_model('loss_several', nn.Linear(2, 3));
SELECT status FROM pgtorch_train('loss_several', 'SELECT x, share FROM points', nn.BCEWithLogitsLoss());
SELECT torch.shape(predict_proba('loss_several', 1, 2));
SELECT predict_class('loss_several', 1, 2);
-- neither have losses that say nothing of probabilities
SELECT status FROM pgtorch_train('loss_several', 'SELECT x, many FROM points', nn.MultiLabelMarginLoss());
SELECT predict_class('loss_several', 1, 2);
SELECT predict_proba('loss_several', 1, 2);

-- weights of many classes
SELECT pgtorch_create_model('loss_wide', nn.Linear(2, 500));
SELECT status FROM pgtorch_train('loss_wide', 'SELECT x, c FROM points', (SELECT nn.CrossEntropyLoss(array_agg(i::float8)) FROM generate_series(1, 500) i));

SET client_min_messages = error;
SELECT count(pgtorch_drop_model(name)) FROM pgtorch.models WHERE name LIKE 'loss\_%';
DROP SCHEMA losses CASCADE;
