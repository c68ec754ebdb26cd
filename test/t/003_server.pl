# Training and predicting where servers get complicated: roles and row-level security, two databases, restart, crash, a
# standby, and an extension that is dropped and created under a living session.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Pgtorch;

my $node = pgtorch_node('main', 'client_min_messages = warning', 'max_parallel_workers = 8', 'restart_after_crash = on');

sub error_of
{
	my ($sql, $where) = @_;
	my ($ret, $out, $err) = ($where // $node)->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $err;
}

sub value
{
	my ($sql, $where, $db) = @_;
	return ($where // $node)->safe_psql($db // 'postgres', $sql);
}

# ---- whose rows, whose rights ----

value(
	q{
	CREATE ROLE ann; CREATE ROLE bob;
	CREATE TABLE t (owner text, x real, y real);
	INSERT INTO t SELECT CASE WHEN i % 2 = 0 THEN 'ann' ELSE 'bob' END, i, i FROM generate_series(1, 10) i;
	CREATE TABLE secret AS SELECT 1::real AS x, 2::real AS y;
	ALTER TABLE t ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON t USING (owner = current_user AND x <= 6);
	GRANT SELECT ON t TO ann, bob;
	CREATE VIEW all_rows AS SELECT x, y FROM t;
	CREATE VIEW own_rows WITH (security_invoker) AS SELECT x, y FROM t;
	GRANT SELECT ON all_rows, own_rows TO ann;
	SELECT pgtorch_create_model('m', nn.Linear(1, 1));
	SELECT pgtorch_grant('m', r, p) FROM unnest('{ann,bob}'::text[]) r, unnest('{predict,train}'::text[]) p;
	CREATE FUNCTION rows_of(dataset text) RETURNS bigint LANGUAGE sql AS $$
		SELECT steps FROM pgtorch_train('m', dataset, nn.MSELoss(), optim.SGD(lr => 0), batch_size => 1, deploy => false) $$;
	CREATE FUNCTION rows_of_definer(dataset text) RETURNS bigint SECURITY DEFINER LANGUAGE sql AS $$ SELECT rows_of(dataset) $$;
	});
is(value(q{SELECT rows_of('SELECT x, y FROM t')}), '10', 'a superuser reads all rows');
is(value(q{SET ROLE ann; SELECT rows_of('SELECT x, y FROM t')}), '3', 'row-level security hides rows from the trainer');
is(value(q{SET ROLE bob; SELECT rows_of('SELECT x, y FROM t WHERE y > 1')}), '2', 'of each his own');
is(value(q{SET ROLE ann; SELECT rows_of('TABLE all_rows')}), '10', 'a view reads with the rights of its owner');
is(value(q{SET ROLE ann; SELECT rows_of('TABLE own_rows')}), '3', 'or of who reads');
is(value(q{SET ROLE ann; SELECT rows_of_definer('SELECT x, y FROM t')}), '10', 'a SECURITY DEFINER function trains as its owner');
like(error_of(q{SET ROLE ann; SELECT rows_of('TABLE secret')}), qr/42501: permission denied for table secret/, 'no privilege, no rows');
is(value(q{SET ROLE ann; SELECT rows_of_definer('TABLE secret')}), '1', 'the owner has it');
is(value(q{SET SESSION AUTHORIZATION ann; SET ROLE NONE; SELECT rows_of('SELECT x, y FROM t')}), '3', 'SET SESSION AUTHORIZATION');
is(value(q{SET ROLE ann; SELECT rows_of('SELECT x, y FROM t'); RESET ROLE; SELECT rows_of('SELECT x, y FROM t')}), "3\n10", 'RESET ROLE');
like(error_of(q{SET row_security = off; SET ROLE ann; SELECT rows_of('SELECT x, y FROM t')}), qr/42501.*row-level security/, 'row_security = off is an error');
value(q{SELECT pgtorch_revoke('m', 'bob', 'train')});
like(error_of(q{SET ROLE bob; SELECT rows_of('SELECT x, y FROM t')}), qr/42501: permission denied for model m/, 'no privilege, no training');
like(error_of(q{LOAD 'pgtorch'; SET ROLE ann; SET pgtorch.max_memory = 1}), qr/42501/, 'limits are not for everybody to set');
is(value(q{SET ROLE ann; SET pgtorch.cache_memory = 1; SET client_min_messages = error; SELECT predict_value('m@1', 1) IS NULL; SHOW pgtorch.cache_memory}),
	"f\n256MB", 'nor before pgtorch is loaded');

# what the caller alone can see: his temporary table, and rows that are not committed
is(value(q{CREATE TEMP TABLE mine AS SELECT 1 AS x, 2 AS y; BEGIN; INSERT INTO mine VALUES (2, 3); SELECT rows_of('TABLE mine')}), '2', 'temporary, not committed');
like(error_of(q{CREATE TEMP TABLE mine AS SELECT 1 AS x, 2 AS y; BEGIN; SELECT rows_of('TABLE mine'); PREPARE TRANSACTION 'x'}),
	qr/prepared transactions are disabled|cannot PREPARE/, 'no surprise in PREPARE TRANSACTION');
# a foreign statement timeout of the role, search_path, and another encoding of the client
is(value(q{SET search_path = ''; SELECT steps FROM public.pgtorch_train('m', 'SELECT 1, 1', 'nn.MSELoss()')}), '1', 'without a search_path');
is(value(q{SET search_path = ''; SELECT public.predict_value('m@1', 1) IS NOT NULL}), 't', 'predicting, too');

# ---- two databases ----

$node->safe_psql('postgres', 'CREATE DATABASE other');
value(q{CREATE EXTENSION pgtorch; SELECT pgtorch_create_model('m', nn.Linear(2, 1))}, $node, 'other');
is(value(q{SELECT module FROM pgtorch.models WHERE name = 'm'}, $node, 'other'), 'nn.Linear(2, 1)', 'each database has its own models');
is(value(q{SELECT steps FROM pgtorch_train('m', 'SELECT 1, 2, 3', nn.MSELoss())}, $node, 'other'), '1', 'and trains them');
like(error_of(q{SELECT predict('m', 1, 2)}), qr/have shape \[2\], not \[1\]/, 'not those of the other');
$node->safe_psql('postgres', 'CREATE DATABASE copied TEMPLATE other');
is(value(q{SELECT predict_value('m', 1, 2)}, $node, 'copied'), value(q{SELECT predict_value('m', 1, 2)}, $node, 'other'), 'a copied database predicts the same');
is(value(q{SELECT version FROM pgtorch_train('m', 'SELECT 1, 2, 3', nn.MSELoss())}, $node, 'copied'), '3', 'and goes on from there');

# ---- restart and crash ----

value(q{SELECT FROM pgtorch_train('m', 'SELECT x, y FROM t', nn.MSELoss(), epochs => 20)});
my $state = q{SELECT md5(string_agg(name || tensor_send(value)::text, ',' ORDER BY name)) FROM pgtorch_state_dict('m')};
my $predict = q{SELECT predict('m', 1), (SELECT count(*) FROM pgtorch.runs), (SELECT count(*) FROM pgtorch.epochs)};
my ($weights, $predicted) = (value($state), value($predict));
$node->restart;
is(value($state), $weights, 'a restart keeps the weights');
is(value($predict), $predicted, 'and the history');

for my $victim ('backend', 'worker')
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $log = -s $node->logfile;
	$predicted = value($predict);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_until(qr/started/, "\\echo started\nSELECT * FROM pgtorch_train('m', 'SELECT i, i FROM generate_series(1, 10000) i', nn.MSELoss(), epochs => 1000000);\n");
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'parallel worker'") or die 'no worker';
	cmp_ok(value('SELECT count(*) FROM pg_ls_tmpdir()'), '>=', 2, 'training has temporary files');
	$pid = value(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'parallel worker'}) if $victim eq 'worker';
	kill 'KILL', $pid;
	eval { $session->quit };
	# the server notices, and recovers
	$node->poll_query_until('postgres', 'SELECT pg_postmaster_start_time() IS NOT NULL AND NOT pg_is_in_recovery()') or die 'no recovery';
	like(slurp_file($node->logfile, $log), qr/was terminated by signal 9/, "a killed $victim is noticed");
	is(value($state), $weights, 'after the crash the weights are what they were');
	is(value($predict), $predicted, 'and nothing of the lost training is left');
	is(value('SELECT count(*) FROM pg_ls_tmpdir()'), '0', 'nor its files');
	is(value(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}), '0', 'nor its worker');
	is(value(q{SELECT rows_of('SELECT x, y FROM t')}), '10', 'training works');
}
value('CHECKPOINT');
value(q{SELECT FROM pgtorch_train('m', 'SELECT x, y FROM t', nn.MSELoss(), epochs => 3)});
$weights = value($state);
$node->stop('immediate');
$node->start;
is(value($state), $weights, 'what was committed before a crash is there after it');

# ---- standby ----

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is(value($state, $standby), $weights, 'a standby has the weights');
my $session = $standby->background_psql('postgres');
my $one = q{SELECT predict_value('m', 1)};
is($session->query_safe($one), value($one), 'and predicts');
value(q{SELECT FROM pgtorch_train('m', 'SELECT x, y FROM t', nn.MSELoss(), epochs => 3)});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($session->query_safe($one), value($one), 'with what was trained meanwhile, in a session that is open');
$session->quit;
is(value(q{SELECT max(version) FROM pgtorch.checkpoints}, $standby), value(q{SELECT max(version) FROM pgtorch.checkpoints}), 'views work there');
like(error_of(q{SELECT FROM pgtorch_train('m', 'SELECT x, y FROM t', nn.MSELoss())}, $standby), qr/25006: .*cannot execute pgtorch_train\(\) during recovery/,
	'training is refused there');
like(error_of(q{SELECT pgtorch_create_model('n', nn.Linear(1, 1))}, $standby), qr/25006: .*cannot execute pgtorch_create_model\(\) during recovery/,
	'making a model, too');
is(value('SELECT count(*) > 5 FROM pgtorch_info()', $standby), 't', 'pgtorch_info works there');
$standby->promote;
is(value(q{SELECT rows_of('SELECT x, y FROM t')}, $standby), '10', 'after promotion it trains');
$standby->stop;

# ---- an extension that goes and comes ----

$session = $node->background_psql('postgres');
$session->query_safe(q{PREPARE p AS SELECT predict_value('m', 1)});
$session->query_safe('EXECUTE p');
$session->query_safe(q{
	CREATE FUNCTION score(x real) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RETURN predict_value('m', x); END $$});
$session->query_safe('SELECT score(1)');
value('DROP EXTENSION pgtorch CASCADE; CREATE EXTENSION pgtorch');
value(q{SELECT pgtorch_create_model('m', 'nn.Linear(1, 1)'); SELECT pgtorch_load_state_dict('m', $$ VALUES ('weight', '[[2.]]'::tensor), ('bias', '[1.]'::tensor) $$)});
is($session->query_safe('SELECT score(3)'), '7', 'a session survives the extension being dropped and created by another');
is($session->query_safe(q{SELECT steps FROM pgtorch_train('m', 'SELECT 1, 1', nn.MSELoss())}), '1', 'and trains');
$session->quit;
like(error_of('ALTER EXTENSION pgtorch SET SCHEMA pg_catalog'), qr/0A000|does not support SET SCHEMA/, 'the extension stays in its schema');
like(error_of(q{ALTER EXTENSION pgtorch UPDATE TO '99'}), qr/no update path/, 'no such version');
is(value('ALTER EXTENSION pgtorch UPDATE'), '', 'nothing to update');
is(value(q{SELECT count(*) FROM pg_extension WHERE extname = 'pgtorch'}), '1', 'it is there');

$node->stop;
done_testing();
