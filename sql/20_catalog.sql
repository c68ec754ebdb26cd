-- 20_catalog.sql
--	  The catalog of models: tables that only pgtorch writes, and views of what a role may see.
--
-- Each model has one storage table, pgtorch_store.m_<id>, that belongs to the model's owner.  It holds the weights, and its
-- privileges are the model's: SELECT is predict, UPDATE is train, the owner may drop.  A model whose storage
-- table is gone (DROP TABLE, DROP OWNED) counts as dropped, whatever the tables below still hold.
--
-- There are no foreign keys: pg_restore -j loads these tables in any order.  What belongs to a model is deleted with it by
-- src/store/model.c.
--
-- The column order of these tables is known to src/store: append, never reorder.

CREATE TABLE pgtorch.model
(
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text COLLATE "C" NOT NULL UNIQUE
		CHECK (name <> '' AND pg_catalog.strpos(name, '@') = 0 AND pg_catalog.octet_length(name) < 64),
	module text NOT NULL,
	storage regclass NOT NULL,
	deployed integer NOT NULL,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE TABLE pgtorch.run
(
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model bigint NOT NULL,
	version integer,
	status text NOT NULL,
	dataset text NOT NULL,
	loss text NOT NULL,
	optimizer text NOT NULL,
	scheduler text,
	options jsonb NOT NULL,
	device text NOT NULL,
	rows bigint NOT NULL,
	started_at timestamptz NOT NULL,
	finished_at timestamptz,
	error text
);
CREATE INDEX run_model_idx ON pgtorch.run (model);

CREATE TABLE pgtorch.checkpoint
(
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	model bigint NOT NULL,
	version integer NOT NULL CHECK (version > 0),
	hash bytea NOT NULL CHECK (pg_catalog.octet_length(hash) = 32),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	run bigint,
	epoch integer,
	loss double precision,
	metrics jsonb,
	names text[] NOT NULL,
	shapes text[] NOT NULL,
	loss_module text,
	inputs text[],
	label_type text,
	labels text[],
	UNIQUE (model, version),
	CHECK (pg_catalog.cardinality(names) = pg_catalog.cardinality(shapes))
);
CREATE INDEX checkpoint_run_idx ON pgtorch.checkpoint (run);

CREATE TABLE pgtorch.epoch
(
	run bigint NOT NULL,
	epoch integer NOT NULL,
	loss double precision,
	validation_loss double precision,
	lr double precision,
	metrics jsonb,
	rows bigint NOT NULL,
	seconds double precision NOT NULL,
	PRIMARY KEY (run, epoch)
);

REVOKE ALL ON pgtorch.model, pgtorch.checkpoint, pgtorch.run, pgtorch.epoch FROM PUBLIC;
REVOKE ALL ON SEQUENCE pgtorch.model_id_seq, pgtorch.checkpoint_id_seq, pgtorch.run_id_seq FROM PUBLIC;

-- pg_dump takes the rows and the sequences; the storage tables are ordinary tables to it
SELECT pg_catalog.pg_extension_config_dump('pgtorch.model', '');
SELECT pg_catalog.pg_extension_config_dump('pgtorch.run', '');
SELECT pg_catalog.pg_extension_config_dump('pgtorch.checkpoint', '');
SELECT pg_catalog.pg_extension_config_dump('pgtorch.epoch', '');
SELECT pg_catalog.pg_extension_config_dump('pgtorch.model_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pgtorch.run_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pgtorch.checkpoint_id_seq', '');

COMMENT ON TABLE pgtorch.model IS 'models; written by pgtorch alone';
COMMENT ON TABLE pgtorch.checkpoint IS 'versions of models; written by pgtorch alone';
COMMENT ON TABLE pgtorch.run IS 'trainings; written by pgtorch alone';
COMMENT ON TABLE pgtorch.epoch IS 'epochs of trainings; written by pgtorch alone';

CREATE VIEW pgtorch.models WITH (security_barrier) AS
	SELECT m.id,
		m.name,
		pg_catalog.pg_get_userbyid(c.relowner) AS owner,
		m.module,
		m.storage,
		m.deployed,
		m.created_at
	FROM pgtorch.model m
	JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) m.storage
		AND c.relnamespace OPERATOR(pg_catalog.=) 'pgtorch_store'::pg_catalog.regnamespace
		AND c.relname OPERATOR(pg_catalog.=) pg_catalog.concat('m_', m.id)
	WHERE pg_catalog.has_table_privilege(c.oid, 'SELECT');

CREATE VIEW pgtorch.checkpoints WITH (security_barrier) AS
	SELECT c.id,
		m.name AS model,
		m.owner,
		c.version,
		c.version OPERATOR(pg_catalog.=) m.deployed AS deployed,
		c.run,
		c.epoch,
		c.loss,
		c.metrics,
		c.names,
		c.shapes,
		c.loss_module,
		c.inputs,
		c.label_type,
		c.labels,
		c.hash,
		c.created_at
	FROM pgtorch.checkpoint c
	JOIN pgtorch.models m ON m.id OPERATOR(pg_catalog.=) c.model;

CREATE VIEW pgtorch.runs WITH (security_barrier) AS
	SELECT r.id,
		m.name AS model,
		m.owner,
		r.version,
		r.status,
		CASE WHEN pg_catalog.has_table_privilege(m.storage, 'UPDATE') THEN r.dataset END AS dataset,
		r.loss,
		r.optimizer,
		r.scheduler,
		r.options,
		r.device,
		r.rows,
		r.started_at,
		r.finished_at,
		r.error
	FROM pgtorch.run r
	JOIN pgtorch.models m ON m.id OPERATOR(pg_catalog.=) r.model;

CREATE VIEW pgtorch.epochs WITH (security_barrier) AS
	SELECT r.model,
		r.owner,
		e.run,
		e.epoch,
		e.loss,
		e.validation_loss,
		e.lr,
		e.metrics,
		e.rows,
		e.seconds
	FROM pgtorch.epoch e
	JOIN pgtorch.runs r ON r.id OPERATOR(pg_catalog.=) e.run;

GRANT SELECT ON pgtorch.models, pgtorch.checkpoints, pgtorch.runs, pgtorch.epochs TO PUBLIC;

COMMENT ON VIEW pgtorch.models IS 'models that the current role may use for prediction';
COMMENT ON VIEW pgtorch.checkpoints IS 'versions of the models in pgtorch.models';
COMMENT ON VIEW pgtorch.runs IS 'trainings of the models in pgtorch.models';
COMMENT ON VIEW pgtorch.epochs IS 'epochs of the trainings in pgtorch.runs';
COMMENT ON COLUMN pgtorch.runs.dataset IS 'the query; shown to those who may train the model';
COMMENT ON COLUMN pgtorch.epochs.lr IS 'learning rate of the epoch''s last step';
COMMENT ON COLUMN pgtorch.models.storage IS 'table of the weights; its privileges are the model''s';
COMMENT ON COLUMN pgtorch.models.deployed IS 'the version that predict(''name'', ...) uses';
COMMENT ON COLUMN pgtorch.checkpoints.inputs IS 'dtype and shape of each input''s rows, once data was seen';
COMMENT ON COLUMN pgtorch.checkpoints.hash IS 'SHA-256 of all that decides a prediction; verified whenever the weights are read';
