# Models and roles that go: DROP ROLE, REASSIGN OWNED, DROP OWNED, DROP EXTENSION; and a standby, where models can be read.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Pgtorch;

my $node = pgtorch_node('main');

# The error of a statement, with its SQLSTATE.
sub error_of
{
	my ($sql, $where) = @_;
	my ($ret, $out, $err) = ($where // $node)->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $err;
}

$node->safe_psql(
	'postgres', q{
	CREATE ROLE ann; CREATE ROLE bob; CREATE ROLE carl;
	SET ROLE ann;
	SELECT pgtorch_create_model('a', 'nn.Linear(2, 1)');
	SELECT pgtorch_create_model('b', 'nn.Linear(2, 1)');
	SELECT pgtorch_grant('a', 'bob', 'predict');
});

# a role that owns a model, or has a privilege on one, cannot be dropped
like(error_of('DROP ROLE ann'), qr/2BP01/, 'an owner cannot be dropped');
like(error_of('DROP ROLE bob'), qr/2BP01.*privileges for table pgtorch_store\.m_\d+/s, 'a grantee cannot be dropped');

# REASSIGN OWNED: the model has another owner
$node->safe_psql('postgres', 'REASSIGN OWNED BY ann TO carl');
is($node->safe_psql('postgres', 'SELECT name, owner FROM pgtorch.models ORDER BY name'), "a|carl\nb|carl", 'REASSIGN OWNED');
$node->safe_psql('postgres', q{SET ROLE carl; SELECT pgtorch_rename_model('b', 'c')});
like(error_of(q{SET ROLE ann; SELECT pgtorch_drop_model('c')}), qr/42501: must be owner of model c/, 'the old owner has lost it');
is($node->safe_psql('postgres', q{SET ROLE bob; SELECT count(*) FROM pgtorch_state_dict('a')}), '2', 'privileges stay');
$node->safe_psql('postgres', 'DROP ROLE ann');

# DROP OWNED of a grantee takes the privilege, of the owner the models
$node->safe_psql('postgres', 'DROP OWNED BY bob; DROP ROLE bob');
is($node->safe_psql('postgres', 'SELECT name FROM pgtorch.models ORDER BY name'), "a\nc", 'models stay without the grantee');
$node->safe_psql('postgres', 'DROP OWNED BY carl; DROP ROLE carl');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgtorch.models'), '0', 'DROP OWNED takes the models');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relnamespace = 'pgtorch_store'::regnamespace}), '0', 'and their storage');
like(error_of(q{SELECT * FROM pgtorch_state_dict('a')}), qr/42704: model "a" does not exist/, 'they do not exist');
$node->safe_psql('postgres', q{SELECT pgtorch_create_model('a', 'nn.Linear(3, 1)')});
is($node->safe_psql('postgres', 'SELECT name, module FROM pgtorch.models'), 'a|nn.Linear(3, 1)', 'the names are free');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pgtorch.checkpoint c JOIN pgtorch.model m ON m.id = c.model WHERE m.name = 'a'}),
	'1', 'and nothing of the old model is left under it');

# two sessions: the second maker of a name waits, then loses or wins
my $one = $node->background_psql('postgres', on_error_stop => 0);
my $two = $node->background_psql('postgres', on_error_stop => 0);
for my $end ('COMMIT', 'ROLLBACK')
{
	my $name = lc $end;
	$one->query_safe("BEGIN; SELECT pgtorch_create_model('race_$name', 'nn.Linear(1, 1)')");
	$two->query_until(qr/started/, "\\echo started\nSELECT pgtorch_create_model('race_$name', 'nn.Linear(1, 1)');\n");
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'race_'})
	  or die 'the second did not wait';
	$one->query_safe($end);
	my $out = $two->query(q{SELECT 'next'});
	if ($end eq 'COMMIT')
	{
		like($two->{stderr}, qr/model "race_commit" already exists/, 'the second maker of a name is told');
	}
	else
	{
		is($two->{stderr}, '', 'unless the first one gave up');
	}
	$two->{stderr} = '';
	is($node->safe_psql('postgres', "SELECT count(*) FROM pgtorch_state_dict('race_$name')"), '2', "after $end there is one model");
}

# a second writer waits, and its version comes after; in a snapshot that cannot see that, 40001
my $load = q{SELECT pgtorch_load_state_dict('a', $$SELECT 'bias', '[7.]'::tensor$$, strict => false)};
for my $level ('READ COMMITTED', 'REPEATABLE READ')
{
	$one->query_safe("BEGIN; $load");
	$two->query_until(qr/started/, "BEGIN ISOLATION LEVEL $level;\nSELECT 1;\n\\echo started\n$load;\n");
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'load_state'})
	  or die 'the second did not wait';
	# who predicts does not wait, and sees the old version
	is($node->safe_psql('postgres', q{SELECT max(version) FROM pgtorch.checkpoints WHERE model = 'a' AND deployed}),
		$level eq 'READ COMMITTED' ? '1' : '3', 'readers see what is committed');
	$one->query_safe('COMMIT');
	my $out = $two->query('COMMIT');
	if ($level eq 'READ COMMITTED')
	{
		is($two->{stderr}, '', 'the second writer goes on');
		is($node->safe_psql('postgres', q{SELECT deployed FROM pgtorch.models WHERE name = 'a'}), '3', 'with the next version');
	}
	else
	{
		like($two->{stderr}, qr/could not serialize access/, 'a snapshot that is too old is refused');
		is($node->safe_psql('postgres', q{SELECT deployed FROM pgtorch.models WHERE name = 'a'}), '4', 'and writes nothing');
	}
	$two->{stderr} = '';
}
$one->quit;
$two->quit;

# a standby reads models and refuses to change them
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->safe_psql('postgres', q{SELECT pgtorch_create_model('later', 'nn.Linear(3, 1)', 7)});
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', q{SELECT * FROM pgtorch_state_dict('later')}), $node->safe_psql('postgres', q{SELECT * FROM pgtorch_state_dict('later')}),
	'a standby reads the weights');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pgtorch.models WHERE name = 'later'}), '1', 'and the catalog');
for my $sql (q{SELECT pgtorch_create_model('x', 'nn.Linear(1, 1)')}, q{SELECT pgtorch_drop_model('a')}, q{SELECT pgtorch_rename_model('a', 'x')},
	q{SELECT pgtorch_deploy('a', 1)}, q{SELECT pgtorch_grant('a', 'public', 'predict')}, $load)
{
	like(error_of($sql, $standby), qr/25006: .*cannot execute pgtorch_\w+\(\) during recovery/, "refused there: $sql");
}
$standby->stop;

# the extension goes only with the models; one session that lives through all of it
my $models = $node->safe_psql('postgres', 'SELECT count(*) FROM pgtorch.models');
like(error_of('DROP EXTENSION pgtorch'), qr/2BP01/, 'DROP EXTENSION refuses while there are models');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgtorch.models'), $models, 'and they stay');
is( $node->safe_psql(
		'postgres', q{
	SET client_min_messages = warning;
	DROP EXTENSION pgtorch CASCADE;
	SELECT count(*) FROM pg_namespace WHERE nspname ~ '^pgtorch';
	CREATE EXTENSION pgtorch;
	SELECT count(*) FROM pgtorch.models;
	SELECT pgtorch_create_model('a', 'nn.Linear(1, 1)');
	SELECT count(*) FROM pgtorch_state_dict('a');
	SELECT pgtorch_drop_model('a');
	DROP EXTENSION pgtorch;
	CREATE SCHEMA elsewhere;
	CREATE EXTENSION pgtorch SCHEMA elsewhere;
	SELECT elsewhere.pgtorch_create_model('a', 'nn.Linear(1, 1)');
	SELECT count(*) FROM elsewhere.pgtorch_state_dict('a');
	}),
	"0\n0\n\n2\n\n\n2", 'dropped with CASCADE, and created again in the same session, here and elsewhere');

$node->stop;
done_testing();
