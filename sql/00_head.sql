-- 00_head.sql
--	  Schemas: PyTorch's modules, the catalog, and the models' weights.

\echo Use "CREATE EXTENSION pgtorch" to load this file. \quit

CREATE SCHEMA torch;
CREATE SCHEMA nn;
CREATE SCHEMA optim;
CREATE SCHEMA lr_scheduler;
CREATE SCHEMA pgtorch;
CREATE SCHEMA pgtorch_store;

COMMENT ON SCHEMA torch IS 'pgtorch: tensor functions under PyTorch''s names';
COMMENT ON SCHEMA nn IS 'pgtorch: modules and losses';
COMMENT ON SCHEMA optim IS 'pgtorch: optimizers';
COMMENT ON SCHEMA lr_scheduler IS 'pgtorch: learning rate schedulers';
COMMENT ON SCHEMA pgtorch IS 'pgtorch: catalog of models, checkpoints, runs and epochs';
COMMENT ON SCHEMA pgtorch_store IS 'pgtorch: one table of weights per model';

GRANT USAGE ON SCHEMA torch, nn, optim, lr_scheduler, pgtorch, pgtorch_store TO PUBLIC;
