-- Who may do what to a model, and that functions which act for the extension's owner give nothing else away.

\getenv folder PG_ABS_SRCDIR
\i :folder/sql/fails.psql
SET client_min_messages = warning;
CREATE ROLE regress_pgt_owner;
CREATE ROLE regress_pgt_user;
CREATE ROLE regress_pgt_member IN ROLE regress_pgt_owner;

-- the owner has no right in the schema, and needs none
SET ROLE regress_pgt_owner;
SELECT pg_temp.fails('CREATE TABLE pgtorch_store.mine ()');
SELECT pgtorch_create_model('priv', 'nn.Linear(2, 1)');
SELECT current_user;
SELECT name, owner FROM pgtorch.models WHERE name = 'priv';
SELECT c.relowner::regrole, c.relacl, i.relowner::regrole AS index_owner
FROM pgtorch.models m JOIN pg_class c ON c.oid = m.storage JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
WHERE m.name = 'priv';
-- nobody reads or writes the catalog by himself
SELECT pg_temp.fails(statement) FROM unnest(ARRAY[
	'SELECT * FROM pgtorch.model', 'SELECT * FROM pgtorch.checkpoint', 'SELECT * FROM pgtorch.run', 'SELECT * FROM pgtorch.epoch',
	'DELETE FROM pgtorch.model', 'UPDATE pgtorch.models SET name = ''x''', 'DELETE FROM pgtorch.runs',
	'SELECT nextval(''pgtorch.model_id_seq'')']) statement;

-- without privileges
SET ROLE regress_pgt_user;
SELECT count(*) FROM pgtorch.models WHERE name = 'priv';
SELECT count(*) FROM pgtorch.checkpoints WHERE model = 'priv';
SELECT pg_temp.fails(statement) FROM unnest(ARRAY[
	'SELECT * FROM pgtorch_state_dict(''priv'')',
	'SELECT * FROM pgtorch_state_dict(''priv@7'')',
	'SELECT * FROM pgtorch_summary(''priv'')',
	'SELECT pgtorch_load_state_dict(''priv'', ''SELECT 1'')',
	'SELECT pgtorch_deploy(''priv'', 1)',
	'SELECT pgtorch_drop_model(''priv'')',
	'SELECT pgtorch_drop_model(''priv'', true)',
	'SELECT pgtorch_rename_model(''priv'', ''stolen'')',
	'SELECT pgtorch_create_model(''priv'', ''nn.Linear(2, 1)'')',
	'SELECT pgtorch_create_model(''priv'', ''nn.Linear(2, 1)'', or_replace => true)',
	'SELECT pgtorch_grant(''priv'', ''regress_pgt_user'', ''predict'')',
	'SELECT pgtorch_revoke(''priv'', ''regress_pgt_owner'', ''predict'')']) statement;

-- predict
SET ROLE regress_pgt_owner;
SELECT pgtorch_grant('priv', 'regress_pgt_user', 'predict');
SELECT pg_temp.fails(statement) FROM unnest(ARRAY[
	'SELECT pgtorch_grant(''priv'', ''regress_pgt_nobody'', ''predict'')',
	'SELECT pgtorch_grant(''priv'', ''regress_pgt_user'', ''select'')',
	'SELECT pgtorch_grant(''priv'', NULL, ''predict'')',
	'SELECT pgtorch_grant(''nothing'', ''regress_pgt_user'', ''predict'')']) statement;
SET ROLE regress_pgt_user;
SELECT name, owner, deployed FROM pgtorch.models WHERE name = 'priv';
SELECT count(*) FROM pgtorch.checkpoints WHERE model = 'priv';
SELECT count(*) FROM pgtorch_state_dict('priv');
SELECT pg_temp.fails('SELECT pgtorch_load_state_dict(''priv'', ''SELECT * FROM pgtorch_state_dict(''''priv'''')'')');
SELECT pg_temp.fails('SELECT pgtorch_deploy(''priv'', 1)');
SELECT pg_temp.fails('SELECT pgtorch_grant(''priv'', ''public'', ''predict'')');
SELECT pg_temp.fails('SELECT pgtorch_drop_model(''priv'')');

-- train alone: writes versions, which the owner's table takes from a role that may not even read it
SET ROLE regress_pgt_owner;
SELECT pgtorch_revoke('priv', 'regress_pgt_user', 'predict'), pgtorch_grant('priv', 'regress_pgt_user', 'train');
SET ROLE regress_pgt_user;
SELECT pg_temp.fails('SELECT * FROM pgtorch_state_dict(''priv'')');
SELECT pgtorch_load_state_dict('priv', $$VALUES ('weight', '[[1., 2.]]'::tensor), ('bias', '[3.]')$$);
SELECT pgtorch_load_state_dict('priv', $$SELECT 'bias', '[4.]'::tensor$$, strict => false);
SELECT pgtorch_deploy('priv', 2);
SELECT pg_temp.fails('SELECT pgtorch_drop_model(''priv'')');
SELECT pg_temp.fails('SELECT pgtorch_create_model(''priv'', ''nn.Linear(2, 1)'', or_replace => true)');
SET ROLE regress_pgt_owner;
SELECT * FROM pgtorch_state_dict('priv');
SELECT * FROM pgtorch_state_dict('priv@3');

-- public, and what SQL's own GRANT says, count
SELECT pgtorch_revoke('priv', 'regress_pgt_user', 'train'), pgtorch_grant('priv', 'public', 'predict');
SET ROLE regress_pgt_user;
SELECT count(*) FROM pgtorch_state_dict('priv');
SELECT pg_temp.fails('SELECT pgtorch_deploy(''priv'', 1)');
SET ROLE regress_pgt_owner;
SELECT pgtorch_revoke('priv', 'public', 'predict');
SELECT storage AS t FROM pgtorch.models WHERE name = 'priv' \gset
GRANT SELECT ON :t TO regress_pgt_user WITH GRANT OPTION;
SET ROLE regress_pgt_user;
SELECT count(*) FROM pgtorch_state_dict('priv');
SELECT pgtorch_grant('priv', 'public', 'predict');
SELECT pg_temp.fails('SELECT pgtorch_grant(''priv'', ''public'', ''train'')');
SELECT pgtorch_revoke('priv', 'public', 'predict');
SET ROLE regress_pgt_owner;
SELECT pgtorch_revoke('priv', 'regress_pgt_user', 'predict');

-- a role that is a member of the owner is the owner
SET ROLE regress_pgt_member;
SELECT pgtorch_rename_model('priv', 'priv2'), pgtorch_rename_model('priv2', 'priv');
SELECT count(*) FROM pgtorch_state_dict('priv');

-- the source of load_state_dict runs with the caller's rights
RESET ROLE;
CREATE TABLE public.pgt_secret (owner name DEFAULT current_user, name text, value tensor);
INSERT INTO public.pgt_secret (name, value) VALUES ('weight', '[[5., 6.]]'), ('bias', '[7.]');
SET ROLE regress_pgt_owner;
SELECT pg_temp.fails('SELECT pgtorch_load_state_dict(''priv'', ''SELECT name, value FROM public.pgt_secret'')');
SELECT pgtorch_load_state_dict('priv', format($$VALUES ('weight', '[[1., 2.]]'::tensor), (CASE WHEN current_user = %L THEN 'bias' END, '[3.]')$$, 'regress_pgt_owner'));
-- and under his row-level security
RESET ROLE;
GRANT SELECT ON public.pgt_secret TO regress_pgt_owner;
ALTER TABLE public.pgt_secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.pgt_secret USING (owner = current_user);
SET ROLE regress_pgt_owner;
SELECT pg_temp.fails('SELECT pgtorch_load_state_dict(''priv'', ''SELECT name, value FROM public.pgt_secret'')');

-- what the caller has in his search_path is not what the extension's statements find
RESET ROLE;
CREATE SCHEMA pgt_trap AUTHORIZATION regress_pgt_owner;
SET ROLE regress_pgt_owner;
CREATE FUNCTION pgt_trap.never(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped as %', current_user; END $$;
CREATE OPERATOR pgt_trap.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = pgt_trap.never);
CREATE FUNCTION pgt_trap.nextval(text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped as %', current_user; END $$;
CREATE FUNCTION pgt_trap.has_table_privilege(oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE TABLE pgt_trap.bytea ();
SET search_path = pgt_trap, pg_catalog, public;
SELECT public.pgtorch_create_model('trap', 'nn.Linear(1, 1)');
SELECT public.pgtorch_rename_model('trap', 'trap2');
SELECT count(*) FROM public.pgtorch_state_dict('trap2');
SELECT public.pgtorch_load_state_dict('trap2', 'SELECT * FROM public.pgtorch_state_dict(''trap2'')');
SELECT public.pgtorch_deploy('trap2', 1);
SELECT count(*) FROM pgtorch.models WHERE name = 'trap2';
SELECT public.pgtorch_drop_model('trap2');
-- an error in the middle leaves user and settings as they were
SELECT pg_temp.fails('SELECT public.pgtorch_create_model(''priv'', ''nn.Linear(1, 1)'')');
SELECT current_user, current_setting('search_path');
RESET search_path;

-- a tablespace that the owner may not use is not his because the extension's owner may
RESET ROLE;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_pgt_space LOCATION '';
SET ROLE regress_pgt_owner;
SET default_tablespace = regress_pgt_space;
SELECT pg_temp.fails('SELECT pgtorch_create_model(''spaced'', ''nn.Linear(1, 1)'')');
RESET ROLE;
GRANT CREATE ON TABLESPACE regress_pgt_space TO regress_pgt_owner;
SET ROLE regress_pgt_owner;
SELECT pgtorch_create_model('spaced', 'nn.Linear(1, 1)');
SELECT spcname FROM pgtorch.models m JOIN pg_class c ON c.oid = m.storage JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE m.name = 'spaced';
SELECT pgtorch_drop_model('spaced');
RESET default_tablespace;

-- default privileges are the owner's
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO regress_pgt_user;
SELECT pgtorch_create_model('shared', 'nn.Linear(1, 1)');
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM regress_pgt_user;
SET ROLE regress_pgt_user;
SELECT count(*) FROM pgtorch_state_dict('shared');

-- code of the owner's does not run when others train
SET ROLE regress_pgt_owner;
SELECT pgtorch_grant('shared', 'regress_pgt_user', 'train');
SELECT storage AS t FROM pgtorch.models WHERE name = 'shared' \gset
CREATE FUNCTION pgt_trap.spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'trapped as %', current_user; RETURN NEW; END $$;
CREATE TRIGGER spy BEFORE INSERT ON :t FOR EACH ROW EXECUTE FUNCTION pgt_trap.spy();
SET ROLE regress_pgt_user;
SELECT pg_temp.fails('SELECT pgtorch_load_state_dict(''shared'', ''SELECT * FROM pgtorch_state_dict(''''shared'''')'')');
SET ROLE regress_pgt_owner;
DROP TRIGGER spy ON :t;
SET ROLE regress_pgt_user;
SELECT pgtorch_load_state_dict('shared', 'SELECT * FROM pgtorch_state_dict(''shared'')');

-- objects that hang on the storage keep it, as they keep a table
SET ROLE regress_pgt_owner;
CREATE VIEW pgt_trap.chunks AS SELECT * FROM :t;
SELECT pg_temp.fails('SELECT pgtorch_drop_model(''shared'')') ~ '^2BP01: ' AS refused;
DROP VIEW pgt_trap.chunks;
SELECT pgtorch_drop_model('shared');

-- a superuser may do everything
RESET ROLE;
SELECT pgtorch_grant('priv', 'regress_pgt_user', 'predict'), pgtorch_deploy('priv', 1), pgtorch_drop_model('priv');

DROP TABLESPACE regress_pgt_space;
DROP TABLE public.pgt_secret;
DROP SCHEMA pgt_trap CASCADE;
DROP ROLE regress_pgt_owner, regress_pgt_user, regress_pgt_member;
