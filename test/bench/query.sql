-- Reading and predicting, once.
\set QUIET on

-- reading the whole table into the trainer's file; the training itself is as short as it can be
SELECT run FROM pgtorch_train('32-64-32-1', 'SELECT x, y FROM readings',
	loss => nn.MSELoss(), batch_size => 10000, deploy => false) \gset
INSERT INTO sample SELECT 'read', 'pgtorch', (options->>'read_seconds')::double precision FROM pgtorch.runs WHERE id = :run;

-- warm: the plan, the model
SELECT seconds($$SELECT sum(predict_value('32-64-32-1', x)) FROM readings_part$$) \g /dev/null
INSERT INTO sample SELECT 'predict', 'pgtorch', :rows / seconds($$SELECT sum(predict_value('32-64-32-1', x)) FROM readings$$);

-- the same scans without us: no column, and an element of the array
INSERT INTO sample SELECT 'scan', 'count(*)', seconds('SELECT count(*) FROM readings');
INSERT INTO sample SELECT 'scan', 'sum(x[1])', seconds('SELECT sum(x[1]) FROM readings');
