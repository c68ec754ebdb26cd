# Cancel, terminate and statement_timeout at any moment of a training: they take effect in under a second, no worker
# and no file stays, nothing is written, and the session goes on.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Pgtorch;

# seconds
my $limit = 1.0;
my $node = pgtorch_node('main', 'max_parallel_workers = 8', 'min_wal_size = 80MB', 'fsync = off');
my $control = $node->background_psql('postgres');
$control->query_safe('SET client_min_messages = error');
my $victim;
my $pid;

$node->safe_psql(
	'postgres', q{
	SELECT pgtorch_create_model('wide', nn.Sequential(nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 10)));
	SELECT pgtorch_create_model('small', nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 1)));
	SELECT pgtorch_create_model('heavy', nn.Linear(1000, 1000));
	CREATE TABLE wide AS SELECT array_fill(i::real / 2048, ARRAY[2048]) AS x, i % 10 AS y FROM generate_series(1, 2048) i;
	CREATE TABLE small AS SELECT array_fill(i::real / 1000, ARRAY[32]) AS x, i % 10 AS y FROM generate_series(1, 1000) i;
});
my $versions = q{SELECT count(*) FROM pgtorch.checkpoints};
my $before = $node->safe_psql('postgres', $versions);

# Trainings that do not end by themselves, and where they spend their time.
my %work = (
	# rows that take forever to come
	reading => q{SELECT * FROM pgtorch_train('small', 'SELECT array_fill(i::real, ARRAY[32]), 1 FROM generate_series(1, 1000000000) i', nn.MSELoss())},
	# steps of 80 GFLOP
	products => q{SELECT * FROM pgtorch_train('wide', 'SELECT x, y FROM wide', nn.CrossEntropyLoss(), batch_size => 2048, epochs => 100000)},
	# 30 tiny steps, then a message
	steps => q{SELECT * FROM pgtorch_train('small', 'SELECT x, y FROM small', nn.MSELoss(), epochs => 1000000)},
	# all phases, over and over: reading, starting a worker, compiling, training, writing 4 MB
	phases => q{SELECT sum(version) FROM generate_series(1, 100000) i,
		pgtorch_train('heavy', format('SELECT array_fill(%s::real / 1e6, ARRAY[1000]), array_fill(0, ARRAY[1000]) FROM generate_series(1, 50)', i), nn.MSELoss())},
	# the same with the longest set-up: 34 MB of weights
	setup => q{SELECT sum(version) FROM generate_series(1, 100000) i,
		pgtorch_train('wide', format('SELECT x, y FROM wide WHERE y <> %s LIMIT 1', i), nn.CrossEntropyLoss())},
);

# Waits until the victim works, lets it work for a while, strikes, and says how many seconds it then took until the statement
# had ended and no worker was left.  Workers are struck as they come, until the victim has noticed.
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION workers() RETURNS SETOF integer LANGUAGE sql VOLATILE AS
		$$ SELECT pid FROM pg_stat_get_activity(NULL) WHERE backend_type = 'parallel worker' $$;
	CREATE FUNCTION works(victim integer) RETURNS boolean LANGUAGE sql VOLATILE AS
		$$ SELECT EXISTS (SELECT FROM pg_stat_get_activity(victim) WHERE state = 'active') $$;
	CREATE FUNCTION strike(how text, victim integer, delay float8) RETURNS float8 LANGUAGE plpgsql AS $$
	DECLARE
		start timestamptz;
		last timestamptz := clock_timestamp() + '20 s';
		worker integer;
	BEGIN
		WHILE NOT works(victim) AND clock_timestamp() < last LOOP
			PERFORM pg_sleep(0.001), pg_stat_clear_snapshot();
		END LOOP;
		start := clock_timestamp() + delay * interval '1 s';
		PERFORM pg_sleep(delay), pg_stat_clear_snapshot();
		IF how = 'cancel' THEN
			PERFORM pg_cancel_backend(victim);
		ELSIF how = 'terminate' THEN
			PERFORM pg_terminate_backend(victim);
		END IF;
		WHILE (works(victim) OR EXISTS (SELECT workers())) AND clock_timestamp() < last LOOP
			IF how ~ 'worker' THEN
				FOR worker IN SELECT workers() LOOP
					start := CASE WHEN how = 'cancel_worker' THEN clock_timestamp() ELSE least(start, clock_timestamp()) END;
					PERFORM CASE WHEN how = 'cancel_worker' THEN pg_cancel_backend(worker) ELSE pg_terminate_backend(worker) END;
				END LOOP;
			END IF;
			PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
		END LOOP;
		RETURN extract(epoch FROM clock_timestamp() - start);
	END $$;
});

sub connect_victim
{
	my ($workers) = @_;
	$victim = $node->background_psql('postgres', on_error_stop => 0);
	$pid = $victim->query_safe('SELECT pg_backend_pid()');
	$victim->query_safe('SET client_min_messages = error');
	$victim->query_safe('SET max_parallel_workers = 0') unless $workers;
}

# What the victim said, and whether it still answers.
sub finish
{
	my ($how) = @_;
	if ($how eq 'terminate')
	{
		eval { $victim->quit };
		return $victim->{stderr};
	}
	my $alive = $victim->query('SELECT 42');
	my $err = $victim->{stderr};
	$victim->{stderr} = '';
	return $alive =~ /42/ ? $err : "no answer: $err";
}

my %expect = (
	cancel => qr/canceling statement due to user request/,
	timeout => qr/canceling statement due to statement timeout/,
	terminate => qr/terminating connection due to administrator command/,
	cancel_worker => qr/canceling statement due to user request/,
	terminate_worker => qr/terminating (connection|background worker "parallel worker") due to administrator command/,
);

for my $workers (1, 0)
{
	connect_victim($workers);
	for my $name (sort keys %work)
	{
		for my $how (sort keys %expect)
		{
			next if $how =~ /worker/ && (!$workers || $name eq 'reading');
			my @took;
			my $wrong = '';
			for (1 .. ($name eq 'phases' || $name eq 'setup' ? 4 : 2))
			{
				my $delay = 0.02 + rand($name eq 'products' ? 1.2 : 0.5);
				my $set = $how eq 'timeout' ? 'SET statement_timeout = ' . int($delay * 1000) : 'SET statement_timeout = 0';
				$victim->query_safe($set);
				$victim->query_until(qr/started/, "\\echo started\n$work{$name};\nSELECT 'ended';\n");
				push @took, $control->query_safe("SELECT strike('$how', $pid, $delay)");
				my $said = finish($how);
				$wrong .= $said unless $said =~ $expect{$how};
				connect_victim($workers) if $how eq 'terminate';
			}
			my $most = (sort { $b <=> $a } @took)[0];
			my $where = $workers ? 'a worker' : 'the backend';
			ok($most < $limit, sprintf('%s while %s in %s takes effect (%.2f s)', $how, $name, $where, $most));
			is($wrong, '', "and says so: $how, $name");
		}
	}
	$victim->quit;
}

is($node->safe_psql('postgres', $versions), $before, 'nothing was written');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pgtorch.run'), '0', 'no run either');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), '0', 'no temporary file is left');
is($node->safe_psql('postgres', 'SELECT count(*) FROM workers()'), '0', 'no worker is left');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|server process .* exited/, 'nothing crashed');
is( $node->safe_psql('postgres', q{SET client_min_messages = warning; SELECT steps FROM pgtorch_train('small', 'SELECT x, y FROM small', nn.MSELoss())}),
	'32', 'training works afterwards');

$control->quit;
$node->stop;
done_testing();
