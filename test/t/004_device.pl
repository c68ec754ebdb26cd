# The device "cuda" under PostgreSQL: cancel and timeouts, errors, a device that is lost or full, memory over many trainings.
# The library is what PGTORCH_CUDA_LIBRARY names: the one that emulates a GPU (make cuda-emulated; test/cuda/README.md).
use strict;
use warnings;

use File::Copy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use Pgtorch;

my $library = $ENV{PGTORCH_CUDA_LIBRARY} // '';
plan skip_all => 'PGTORCH_CUDA_LIBRARY names no library' unless -r $library;

# seconds
my $limit = 1.0;
my $node = pgtorch_node('main', 'max_parallel_workers = 8', 'fsync = off', 'client_min_messages = error');
my $installed = $node->config_data('--pkglibdir') . '/pgtorch_cuda.so';
plan skip_all => 'pgtorch_cuda is installed' if -e $installed;

sub error_of
{
	my ($sql) = @_;
	my ($ret, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $err;
}

sub value
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# Starts the server anew, with these settings of the emulator.
sub restart_with
{
	local %ENV = (%ENV, CUDA_EMULATOR_CACHE => PostgreSQL::Test::Utils::tempdir_short(), @_);
	$node->restart;
}

sub session
{
	my @settings = @_;
	my $s = $node->background_psql('postgres', on_error_stop => 0);
	$s->query_safe("SET $_") for @settings;
	return ($s, $s->query_safe('SELECT pg_backend_pid()'));
}

sub memory
{
	my ($pid) = @_;
	return slurp_file("/proc/$pid/status") =~ /^VmRSS:\s*(\d+) kB/m ? $1 : die "no memory of $pid";
}

sub near
{
	my ($got, $wanted, $tolerance, $name) = @_;
	cmp_ok(abs($got - $wanted), '<=', $tolerance * abs($wanted), "$name: $got, $wanted");
}

value(
	q{
	CREATE TABLE t AS SELECT array_fill(sin(i)::real, ARRAY[8]) || cos(i)::real AS x, sin(2 * i)::real AS y FROM generate_series(1, 500) i;
	SELECT pgtorch_create_model('m', nn.Sequential(nn.Linear(9, 16), nn.Tanh(), nn.Linear(16, 1)));
	SELECT pgtorch_create_model('wide', nn.Sequential(nn.Linear(9, 2000), nn.ReLU(), nn.Linear(2000, 1000), nn.ReLU(), nn.Linear(1000, 1)));
	});

my $train = q{SELECT loss FROM pgtorch_train('m@1', 'SELECT x, y FROM t ORDER BY y', nn.MSELoss(), epochs => 3, batch_size => 50, deploy => false};
my $predict = q{SELECT sum(predict_value('m@1', x)) FROM t};
my ($loss, $sum) = (value("$train)"), value($predict));

# ---- without the library ----

like(error_of("$train, device => 'cuda')"), qr/55000: device "cuda" is not available.*HINT:.*make cuda install/s, 'without the library there is an error with a hint');
like(error_of("SET pgtorch.device = 'cuda'; $predict"), qr/55000: device "cuda" is not available/, 'in predictions, too');
is(value(q{SET pgtorch.device = 'cuda'; SELECT count(*) FROM pgtorch_info() WHERE key = 'device error' AND value ~ 'no library'}), '1', 'pgtorch_info says it in a row');
is(value("$train, device => 'auto')"), $loss, 'auto trains on the CPU');

# a failure is remembered until somebody sets the device, or asks what is wrong
sub install
{
	my ($bytes) = @_;
	unlink $installed;
	open(my $file, '>', $installed) or plan skip_all => "$installed: $!";
	print $file $bytes;
	close $file;
}
END { unlink $installed if $installed && -w $installed }
{
	my $add = q{SELECT torch.add('[1]', 1)};
	my $told = q{SELECT value FROM pgtorch_info() WHERE key = 'device error'};
	my ($s) = session("pgtorch.device = 'cuda'");
	my $error = sub { $s->query($add); my $e = $s->{stderr}; $s->{stderr} = ''; return $e };
	like($error->(), qr/is not installed/, 'a library that is not there');
	install('no library at all, but long enough for the header of one ' x 10);
	like($error->(), qr/invalid ELF header/, 'and one that is none are told apart at once');
	install('');
	like($error->(), qr/invalid ELF header/, 'what failed is not tried at each call');
	like($s->query_safe($told), qr/file too short/, 'pgtorch_info tries again');
	install('still no library, but long enough for the header of one ' x 10);
	like($error->(), qr/file too short/, 'calls do not');
	$s->query_safe("SET pgtorch.device = 'cuda'");
	like($error->(), qr/invalid ELF header/, 'unless the device is set again');
	$s->query_safe("SET pgtorch.device = 'cpu'");
	is($s->query_safe($add), '[2]', 'the CPU works beside it');
	$s->quit;
}

copy($library, $installed) or plan skip_all => "$installed: $!";
restart_with();

# ---- the same numbers, in a worker and in the backend ----

near(value("$train, device => 'cuda')"), $loss, 1e-4, 'loss on the device');
near(value("SET max_parallel_workers = 0; $train, device => 'cuda:0')"), $loss, 1e-4, 'in the backend');
is(value('SELECT string_agg(device, $$ $$ ORDER BY id DESC) FROM (SELECT * FROM pgtorch.runs ORDER BY id DESC LIMIT 2) r'), 'cuda:0 cuda', 'the history says where');
near(value("SET pgtorch.device = 'cuda'; $predict"), $sum, 1e-4, 'predictions');
near(value(qq{SET pgtorch.device = 'cuda'; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SET force_parallel_mode = on; $predict}), $sum, 1e-4, 'predictions in parallel workers');
is(value(q{SET pgtorch.device = 'cuda'; SELECT torch.matmul('[[1,2],[3,4]]'::tensor, '[1,1]'::tensor), '[]'::tensor + '[]'::tensor}), '[3, 7]|[]', 'tensor functions');
is(value(q{SET pgtorch.device = 'cuda:7'; SELECT count(*) FROM pgtorch_info() WHERE key = 'device error'}), '1', 'a GPU that is not there');
like(error_of("SET pgtorch.device = 'cuda:7'; $predict"), qr/58000: device "cuda:7" is not available.*HINT:  There is one GPU/s, 'and its error');

# one session: another device or precision is another computation at once, in one call site, too
my $switch = q{DO $$ DECLARE s text; BEGIN
	FOR i IN 1..5 LOOP
		PERFORM set_config('pgtorch.device', (ARRAY['cpu', 'cuda', 'cuda', 'cuda:9', 'cuda'])[i], false);
		PERFORM set_config('pgtorch.matmul_precision', (ARRAY['highest', 'highest', 'high', 'high', 'highest'])[i], false);
		BEGIN
			s := concat_ws(' ', s, predict_value('wide@1', array_fill(0.1::real, ARRAY[9])));
		EXCEPTION WHEN system_error THEN s := concat_ws(' ', s, 'none');
		END;
	END LOOP;
	PERFORM set_config('test.result', s, false);
END $$; SHOW test.result};
my @switched = split / /, value($switch);
is($switched[3], 'none', 'a call site notices that the device is another');
near($switched[1], $switched[0], 1e-4, 'the device computes what the CPU does');
isnt($switched[2], $switched[1], 'TensorFloat32 is something else');
near($switched[2], $switched[1], 1e-2, 'but not much');
is($switched[4], $switched[1], 'and back');

# ---- errors: the device is free, and works, afterwards ----

my $free = q{SELECT value FROM pgtorch_info() WHERE key = 'gpu memory'};
for my $workers (8, 0)
{
	my ($s, $pid) = session("max_parallel_workers = $workers", "pgtorch.device = 'cuda'");
	my $where = $workers ? 'in a worker' : 'in the backend';
	$s->query("$train)");
	my $before = $s->query_safe($free);
	for (1 .. 3)
	{
		$s->query(q{SELECT FROM pgtorch_train('wide', 'SELECT x, CASE WHEN y > 0.9 THEN ''nan'' ELSE y END FROM t', nn.MSELoss())});
		like($s->{stderr}, qr/the loss is not finite/, "an error $where") if $_ == 1;
		$s->{stderr} = '';
	}
	is($s->query_safe($free), $before, "gives the memory of the device back $where");
	near($s->query_safe("$train)"), $loss, 1e-4, "and it works $where");
	$s->quit;
	my $end = time + 10;
	sleep 0.01 while kill(0, $pid) && time < $end;
	ok(!kill(0, $pid), "the process ends $where");
}

# ---- cancel and timeouts ----

# without a run-time compiler: the emulator's takes seconds where a GPU's takes a tenth of one
restart_with(CUDA_EMULATOR_CXX => 'false');

my %long = (
	steps => q{SELECT FROM pgtorch_train('m', 'SELECT x, y FROM t', nn.MSELoss(), epochs => 1000000, device => 'cuda')},
	'large steps' => q{SELECT FROM pgtorch_train('wide', 'SELECT x, y FROM t', nn.MSELoss(), epochs => 1000000, batch_size => 4, device => 'cuda')},
	'a prediction' => q{SELECT sum(predict_value('m@1', x)) FROM t, generate_series(1, 1000000)},
	'tensor functions' => q{SELECT count(torch.relu(torch.randn(100) + i::real)) FROM generate_series(1, 100000000) i},
);
for my $workers (8, 0)
{
	for my $name (sort keys %long)
	{
		next if $workers && $name !~ /steps/;
		my ($s, $pid) = session("max_parallel_workers = $workers", "pgtorch.device = 'cuda'");
		my $where = $workers ? 'in a worker' : 'in the backend';
		for my $how ('cancel', 'timeout')
		{
			my $delay = 0.7 + rand 0.6;
			$s->query_safe('SET statement_timeout = ' . ($how eq 'timeout' ? int($delay * 1000) : 0));
			$s->query_until(qr/started/, "\\echo started\n$long{$name};\n");
			my $start = time + $delay;
			sleep $delay;
			value("SELECT pg_cancel_backend($pid)") if $how eq 'cancel';
			$s->query('SELECT 42');
			my $took = time - $start;
			like($s->{stderr}, qr/canceling statement due to/, "$how of $name $where");
			$s->{stderr} = '';
			cmp_ok($took, '<', $limit, sprintf('takes effect in %.2f s', $took));
			$s->query_safe('SET statement_timeout = 0');
			near($s->query_safe($predict), $sum, 1e-4, 'predictions are right afterwards');
		}
		$s->quit;
	}
}
is(value(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}), '0', 'no worker is left');
is(value('SELECT count(*) FROM pg_ls_tmpdir()'), '0', 'nor a file');

# ---- memory over many trainings and predictions ----

{
	my ($s, $pid) = session('max_parallel_workers = 0', "pgtorch.device = 'cuda'", 'pgtorch.cache_memory = 1');
	my $loop = q{DO $$ BEGIN FOR i IN 1..20 LOOP
		PERFORM FROM pgtorch_train('m@1', 'SELECT x, y FROM t', nn.MSELoss(), seed => i, deploy => false);
		BEGIN
			PERFORM FROM pgtorch_train('m@1', 'SELECT x, ''nan''::real FROM t', nn.MSELoss());
		EXCEPTION WHEN data_exception THEN
		END;
		PERFORM sum(predict_value('m@' || i, x)) FROM t WHERE y > 0.9;
	END LOOP; END $$};
	$s->query_safe($loop);
	my ($before, $before_free) = (memory($pid), $s->query_safe($free));
	$s->query_safe($loop);
	my $grown = memory($pid) - $before;
	cmp_ok($grown, '<', 10 * 1024, sprintf('20 trainings: RSS grows by %.1f MB', $grown / 1024));
	is($s->query_safe($free), $before_free, 'and memory of the device stays');
	$s->quit;
}

# ---- ops without a kernel run on the host ----

my $deep = q{SELECT loss FROM pgtorch_train('deep@1', 'SELECT x, y FROM t ORDER BY y', nn.MSELoss(), epochs => 3, batch_size => 50, deploy => false};
value(q{SELECT pgtorch_create_model('deep', nn.Sequential(nn.Linear(9, 2000), nn.Softmax(1), nn.Linear(2000, 9), nn.Softmax(1), nn.Linear(9, 1)))});
my $deep_loss = value("$deep)");
my $log_of = sub { my $err = error_of("SET client_min_messages = debug1; $_[0]"); return join ' ', $err =~ /op "(\w+)" runs on the host: device "cuda" has no kernel for it/g };
is($log_of->("$deep, device => 'cuda')"), '', 'all have one');
# shapes that depend on data are found on the host; numbers by chance come from the session, no device has kernels for them
my @always = qw(nonzero_indices unique_order unique_groups);
my $host_ops = q{SET pgtorch.device = 'cuda'; SELECT value FROM pgtorch_info() WHERE key = 'ops on the host'};
is_deeply([sort split /, /, value($host_ops)], [sort @always], 'pgtorch_info says so');
is(value(q{SELECT count(*) FROM pgtorch_info() WHERE key = 'ops on the host'}), '0', 'of a CPU there is nothing to say');
is(value(q{SET pgtorch.device = 'cuda'; SELECT torch.nonzero('[0, 3, 0, 5]'::tensor), (torch.unique('[3, 1, 3]'::tensor)).output}), '[[1], [3]]|[1, 3]',
	'what has a kernel on the CPU alone');
restart_with(CUDA_EMULATOR_CXX => 'false', CUDA_EMULATOR_LACKS => 'softmax,sum,advance');
is_deeply([sort split /, /, value($host_ops)], [sort @always, qw(sum softmax advance)], 'which have none');
is($log_of->("$deep, device => 'cuda')"), 'softmax sum advance', 'a training says which it uses');
for my $workers (8, 0)
{
	my ($s, $pid) = session("max_parallel_workers = $workers", "pgtorch.device = 'cuda'");
	my $where = $workers ? 'in a worker' : 'in the backend';
	near($s->query_safe("$deep)"), $deep_loss, 1e-4, "the loss $where");
	near($s->query_safe($predict), $sum, 1e-4, "predictions $where");
	near($s->query_safe(q{SELECT torch.sum(torch.softmax('[[1.5,1],[1,1]]'::tensor, 1))}), 2, 1e-6, 'tensor functions');
	$s->query_until(qr/started/, "\\echo started\nSELECT FROM pgtorch_train('deep', 'SELECT x, y FROM t', nn.MSELoss(), epochs => 1000000);\n");
	my $start = time + 1;
	sleep 1;
	value("SELECT pg_cancel_backend($pid)");
	$s->query('SELECT 42');
	like($s->{stderr}, qr/canceling statement due to/, "cancel $where");
	$s->{stderr} = '';
	cmp_ok(time - $start, '<', $limit, sprintf('takes effect in %.2f s', time - $start));
	my ($before, $before_free) = (memory($pid), $s->query_safe($free));
	$s->query_safe("$deep)") for 1 .. 10;
	is($s->query_safe($free), $before_free, "memory of the device stays $where");
	cmp_ok(memory($pid) - $before, '<', 10 * 1024, "and the host's $where");
	$s->quit;
}

# ---- a device that is lost ----

my $log = -s $node->logfile;
restart_with(CUDA_EMULATOR_FAIL => 'kernel:20');
my $since = value('SELECT pg_postmaster_start_time()');
like(error_of("$train, device => 'cuda')"), qr/58000: device "cuda:0" failed while .*HINT:  The GPU cannot be used in this session any more/s,
	'a lost device is an error of the training');
near(value("$train, device => 'cpu')"), $loss, 0, 'after which the server trains');
{
	my ($s, $pid) = session("pgtorch.device = 'cuda'");
	$s->query($predict);
	like($s->{stderr}, qr/device "cuda:0" failed while/, 'or of a session');
	$s->{stderr} = '';
	$s->query($predict);
	like($s->{stderr}, qr/device "cuda:0" was lost/, 'which cannot use it again');
	$s->{stderr} = '';
	$s->query_safe("SET pgtorch.device = 'cpu'");
	near($s->query_safe($predict), $sum, 0, 'but the CPU');
	is($s->query_safe('SELECT pg_backend_pid()'), $pid, 'and goes on');
	$s->quit;
}
is(value('SELECT pg_postmaster_start_time()'), $since, 'the server was never restarted');

# ---- a device that is full ----

restart_with(CUDA_EMULATOR_MEMORY => 64);
like(error_of(q{SELECT FROM pgtorch_train('wide', 'SELECT x, y FROM t', nn.MSELoss(), device => 'cuda')}),
	qr/53200: out of memory on device "cuda:0".*DETAIL:  [0-9.]+ MB were asked for, [0-9.]+ MB of 64.0 MB are free.*HINT:/s, 'out of memory says how much was asked and free');
near(value("$train, device => 'cuda')"), $loss, 1e-4, 'what is small trains');
like(error_of(q{SET pgtorch.device = 'cuda'; SET pgtorch.cache_memory = '100MB'; SELECT predict_value('wide', x) FROM t LIMIT 1}), qr/^$/, 'what fits predicts');

unlike(slurp_file($node->logfile, $log), qr/PANIC|was terminated by signal|server process .* exited/, 'nothing crashed');
$node->stop;
done_testing();
