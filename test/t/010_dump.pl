# pg_dump and pg_restore keep models: versions, weights, history, owners and privileges; and what else a dump may be.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Pgtorch;

my $node = pgtorch_node('main');
my $dir = PostgreSQL::Test::Utils::tempdir;

# what must be the same after: everything in the catalog, every weight, who may what
my $state = q{
	SELECT 'model', name, owner, module, deployed, created_at FROM pgtorch.models ORDER BY name;
	SELECT 'version', model, version, deployed, run, epoch, loss, metrics, names, shapes, loss_module, inputs, label_type, labels, hash, created_at
		FROM pgtorch.checkpoints ORDER BY model, version;
	SELECT 'run', * FROM pgtorch.runs ORDER BY id;
	SELECT 'epoch', * FROM pgtorch.epochs ORDER BY run, epoch;
	SELECT 'weights', c.model, c.version, s.name, md5(s.value::text)
		FROM pgtorch.checkpoints c, LATERAL pgtorch_state_dict(c.model || '@' || c.version) s ORDER BY 2, 3, 4;
	SELECT 'grants', m.name, c.relacl FROM pgtorch.models m JOIN pg_class c ON c.oid = m.storage ORDER BY name;
	SELECT 'storage', m.name, a.attname, a.attstorage, a.attnotnull
		FROM pgtorch.models m JOIN pg_attribute a ON a.attrelid = m.storage AND a.attnum > 0 ORDER BY m.name, a.attnum};

$node->safe_psql(
	'postgres', q{
	CREATE ROLE ann; CREATE ROLE bob; CREATE ROLE "odd role";
	SET ROLE ann;
	SELECT pgtorch_create_model('first', 'nn.Sequential(nn.Linear(40, 60), nn.ReLU(), nn.Linear(60, 2))', 1);
	SELECT pgtorch_load_state_dict('first', 'SELECT * FROM pgtorch_state_dict(''first'')');
	SELECT pgtorch_load_state_dict('first', $$SELECT '2.bias', '[nan, -inf]'::tensor$$, strict => false);
	SELECT pgtorch_deploy('first', 2);
	SELECT pgtorch_grant('first', 'bob', 'predict'), pgtorch_grant('first', 'odd role', 'train');
	RESET ROLE;
	SELECT pgtorch_create_model('gone', 'nn.Linear(1, 1)'), pgtorch_drop_model('gone');
	SELECT pgtorch_create_model(E'odd "name"\t\x5c', 'nn.Linear(1, 1)');
	INSERT INTO pgtorch.run (model, version, status, dataset, loss, optimizer, options, device, rows, started_at, finished_at)
		SELECT id, 2, 'done', 'SELECT 1', 'nn.MSELoss()', 'optim.Adam()', '{"epochs": 2}', 'cpu', 7, now(), now()
		FROM pgtorch.model WHERE name = 'first';
	INSERT INTO pgtorch.epoch (run, epoch, loss, rows, seconds) SELECT id, e, 1.0 / e, 7, 0.1 FROM pgtorch.run, generate_series(1, 2) e;
	UPDATE pgtorch.checkpoint SET run = (SELECT id FROM pgtorch.run), epoch = 2, loss = 0.5 WHERE version = 2;
	-- views over predictions are loaded before the models
	CREATE VIEW weights AS SELECT * FROM pgtorch_state_dict('first');
	GRANT SELECT ON weights TO bob;
});
my $before = $node->safe_psql('postgres', $state);
like($before, qr/^version\|first\|3\|f/m, 'there is something to dump');

# each format, and in parallel
for my $case ([ 'custom', '-Fc' ], [ 'directory', '-Fd' ], [ 'plain', '-Fp' ])
{
	my ($name, $format) = @$case;
	my $file = "$dir/$name";

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->command_ok([ 'pg_dump', $format, '-f', $file, $node->connstr('postgres') ], "pg_dump $name");
	if ($name eq 'plain')
	{
		$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, $node->connstr($name) ], "psql $name");
	}
	else
	{
		$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr($name), $file ], "pg_restore $name");
	}
	is($node->safe_psql($name, $state), $before, "$name: everything is as it was");
}

# life goes on: ids are not used again, versions go on, privileges hold
$node->safe_psql('custom', q{SELECT pgtorch_create_model('second', 'nn.Linear(1, 1)')});
is($node->safe_psql('custom', q{SELECT max(id) > (SELECT id FROM pgtorch.model WHERE name = 'first') + 2 FROM pgtorch.model}),
	't', 'the id of a dropped model is not used again');
is($node->safe_psql('custom', q{SET ROLE "odd role"; SELECT pgtorch_load_state_dict('first', $$SELECT '2.bias', '[1, 2]'::tensor$$, strict => false)}),
	'4', 'a grantee trains the restored model');
is($node->safe_psql('custom', 'SET ROLE bob; SELECT count(*) FROM weights'), '4', 'a grantee predicts with it, through a view');
my ($ret, $out, $err) = $node->psql('custom', q{SET ROLE bob; SELECT pgtorch_deploy('first', 1)});
like($err, qr/permission denied for model first/, 'and nothing more');
is($node->safe_psql('custom', q{SELECT count(*) FROM pgtorch.run r JOIN pgtorch.checkpoint c ON c.run = r.id}), '1', 'history hangs together');

# a second round gives the same dump: nothing is lost or added on the way
sub dump_of
{
	my ($db) = @_;
	my $text;
	$node->command_ok([ 'pg_dump', '-f', "$dir/again.$db", $node->connstr($db) ], "dump of $db");
	$text = slurp_file("$dir/again.$db");
	$text =~ s/^\\(un)?restrict .*$//mg;
	return $text;
}
is(dump_of('directory'), dump_of('plain'), 'dumps of two restored databases are equal');

# the schema alone: no models, and their left-over tables are in nobody's way
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->command_ok([ 'pg_dump', '--schema-only', '-Fc', '-f', "$dir/bare", $node->connstr('postgres') ], 'pg_dump --schema-only');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('bare'), "$dir/bare" ], 'restored');
is($node->safe_psql('bare', 'SELECT count(*) FROM pgtorch.models'), '0', 'the schema alone has no models');
$node->safe_psql('bare', q{SELECT pgtorch_create_model('first', 'nn.Linear(1, 1)'), pgtorch_create_model('next', 'nn.Linear(1, 1)')});
is($node->safe_psql('bare', q{SELECT count(*) FROM pgtorch_state_dict('first')}), '2', 'models can be made beside left-over tables');

# without the weights: the model is there, and says what is wrong
$node->safe_psql('postgres', 'CREATE DATABASE light');
$node->command_ok([ 'pg_dump', '-Fc', '--exclude-table-data=pgtorch_store.*', '-f', "$dir/light", $node->connstr('postgres') ],
	'pg_dump without weights');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('light'), "$dir/light" ], 'restored');
($ret, $out, $err) = $node->psql('light', q{\set VERBOSITY sqlstate
	SELECT * FROM pgtorch_state_dict('first')});
like($err, qr/XX001/, 'weights that were left out are missed');

$node->stop;
done_testing();
