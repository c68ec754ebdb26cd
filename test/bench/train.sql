-- One training: :model on :query with :loss, :epochs epochs in batches of :batch.  The first epoch is
-- the warm-up; what is measured is what pgtorch.epochs says of the others.
\set QUIET on
SELECT run FROM pgtorch_train(:'model', :'query', loss => :'loss'::nn.module, optimizer => optim.Adam(),
	epochs => :epochs, batch_size => :batch, deploy => false) \gset
INSERT INTO sample SELECT :'item', 'pgtorch', sum(rows) / sum(seconds) FROM pgtorch.epochs WHERE run = :run AND epoch > 1;
INSERT INTO sample SELECT :'item', 'read', (options->>'read_seconds')::double precision FROM pgtorch.runs WHERE id = :run;
