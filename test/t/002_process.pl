# What a backend and a worker look like from outside: threads and their signal masks, libraries, memory, files.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use Pgtorch;

my $node = pgtorch_node('main', 'shared_buffers = 8MB', 'fsync = off', 'max_parallel_workers = 8');

sub read_proc
{
	my ($path) = @_;
	open(my $f, '<', $path) or return '';
	local $/;
	my $text = <$f>;
	close $f;
	return $text // '';
}

# Thread id => signal mask, as a number, of all threads but the main one.
sub masks
{
	my ($pid) = @_;
	my %mask;
	for my $task (glob "/proc/$pid/task/*")
	{
		my ($tid) = $task =~ /(\d+)$/;
		next if $tid == $pid;
		no warnings 'portable';
		$mask{$tid} = hex $1 if read_proc("$task/status") =~ /^SigBlk:\s*([0-9a-f]+)/m;
	}
	return %mask;
}

sub main_mask
{
	my ($pid) = @_;
	return read_proc("/proc/$pid/status") =~ /^SigBlk:\s*([0-9a-f]+)/m ? $1 : die "no mask of $pid";
}

# kB of one line of /proc/PID/status
sub memory
{
	my ($pid, $what) = @_;
	return read_proc("/proc/$pid/status") =~ /^$what:\s*(\d+) kB/m ? $1 : die "no $what of $pid";
}

sub session
{
	my @settings = @_;
	my $s = $node->background_psql('postgres', on_error_stop => 0);
	$s->query_safe("SET $_") for ('client_min_messages = error', @settings);
	return ($s, $s->query_safe('SELECT pg_backend_pid()'));
}

sub worker_of
{
	my ($pid) = @_;
	my $end = time + 20;
	while (time < $end)
	{
		my $w = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND leader_pid = $pid");
		return $w if $w ne '';
	}
	die 'no worker came';
}

# ---- libraries ----

my $library = $node->config_data('--pkglibdir') . '/pgtorch.so';
# run_command dies if there is no such program
my ($dynamic) = eval { run_command([ 'readelf', '-d', $library ]) };
SKIP:
{
	skip 'there is no readelf', 1 unless ($dynamic // '') =~ /NEEDED/;
	unlike($dynamic, qr/NEEDED.*(blas|cuda|cudart|cublas|gomp|stdc\+\+)/i, 'neither BLAS nor CUDA is linked');
}
my ($idle, $idle_pid) = session();
my $usual = main_mask($idle_pid);
$idle->query_safe(q{LOAD 'pgtorch'; SELECT 'nn.Linear(1, 1)'::nn.module; SHOW pgtorch.device});
unlike(read_proc("/proc/$idle_pid/maps"), qr/blas|libcu(da|blas)/, 'loading pgtorch opens no library');
is(scalar(masks($idle_pid)), 0, 'and starts no thread');
$idle->query_safe(q{SET pgtorch.device = 'cpu'});
$idle->query_safe('SELECT * FROM pgtorch_info()');
my $has_blas = read_proc("/proc/$idle_pid/maps") =~ /openblas/;
is($node->safe_psql('postgres', q{SET pgtorch.device = 'cpu'; SELECT value ~ 'OpenBLAS' FROM pgtorch_info() WHERE key = 'blas'}), $has_blas ? 't' : 'f', 'pgtorch_info says which BLAS runs');
$idle->quit;
my $postmaster = (split /\n/, read_proc($node->data_dir . '/postmaster.pid'))[0];
unlike(read_proc("/proc/$postmaster/maps"), qr/pgtorch\.so|blas/, 'the postmaster has none of it');

# ---- threads of the CPU device ----

$node->safe_psql(
	'postgres', q{
	CREATE TABLE wide AS SELECT array_fill(i::real / 1000, ARRAY[512]) AS x, i % 10 AS y FROM generate_series(1, 1000) i;
	CREATE TABLE t AS SELECT array_fill(i::real / 1000, ARRAY[32]) AS x, i % 10 AS y FROM generate_series(1, 1000) i;
	SELECT pgtorch_create_model('wide', nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)));
	SELECT pgtorch_create_model('m', nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 1)));
});

# all that glibc lets a program block: not SIGKILL, SIGSTOP and its own 32 and 33
my $all = ~((1 << 8) | (1 << 18) | (1 << 31) | (1 << 32));
for my $where ('a worker', 'the backend')
{
	my ($s, $pid) = session("pgtorch.device = 'cpu'", 'pgtorch.threads = 2', $where eq 'a worker' ? 'max_parallel_workers = 8' : 'max_parallel_workers = 0');
	$s->query_until(qr/started/, "\\echo started\nSELECT * FROM pgtorch_train('wide', 'SELECT x, y FROM wide', nn.CrossEntropyLoss(), batch_size => 500, epochs => 1000000);\n");
	my $who = $where eq 'a worker' ? worker_of($pid) : $pid;
	my (%seen, %open);
	my $end = time + 2;
	while (time < $end)
	{
		my %mask = masks($who);
		for my $tid (keys %mask)
		{
			$seen{$tid} = 1;
			$open{$tid} = sprintf('%x', $mask{$tid}) if ($mask{$tid} & $all) != $all;
		}
		sleep 0.002;
	}
	cmp_ok(scalar(keys %seen), '>=', 1, "training in $where has threads");
	is(join(' ', %open), '', 'and each has all signals blocked');
	if ($where eq 'a worker')
	{
		unlike(read_proc("/proc/$pid/maps"), qr/openblas/, 'the caller of a worker has not even opened BLAS');
		is(scalar(masks($pid)), 0, 'nor has it threads');
	}
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	$s->query(q{SELECT predict('wide', x) FROM wide LIMIT 10});
	my %mask = masks($pid);
	is(scalar(grep { ($mask{$_} & $all) != $all } keys %mask), 0, 'after predict with two threads, too');
	is(main_mask($pid), $usual, 'and the main thread has what a backend has');
	$s->quit;
}

# ---- memory, files, threads: constant over many trainings ----

sub footprint
{
	my ($pid) = @_;
	my @fds = glob "/proc/$pid/fd/*";
	my $maps = () = read_proc("/proc/$pid/maps") =~ /\n/g;
	my %threads = masks($pid);
	return (memory($pid, 'VmRSS'), scalar(@fds), $maps, scalar(keys %threads));
}

my $train = q{pgtorch_train('m', 'SELECT x, y FROM t', nn.MSELoss(), epochs => 2, batch_size => 100, seed => i)};
my $loop = qq{DO \$\$ BEGIN FOR i IN 1..100 LOOP PERFORM FROM $train; END LOOP; END \$\$};
my $failing = q{DO $$ BEGIN FOR i IN 1..100 LOOP
	BEGIN PERFORM FROM pgtorch_train('m', format('SELECT x, CASE WHEN i > %s THEN ''nan'' ELSE y END FROM (SELECT row_number() OVER () AS i, x, y FROM t) s', i * 10 - 1), nn.MSELoss());
	RAISE 'trained'; EXCEPTION WHEN data_exception THEN END; END LOOP; END $$};
(my $single = "SELECT 1 FROM $train;\n") =~ s/seed => i/seed => 3/;
my %many = (
	'100 statements' => $single x 100,
	'a loop in one transaction' => $loop,
	'one statement' => qq{SELECT count(*) FROM generate_series(1, 100) i, $train},
	'100 failures' => $failing,
	'predictions of 100 versions' => q{SELECT sum(predict_value('m@' || i, x)) FROM t, generate_series(1, 100) i WHERE y = 1},
);
# $name with $n for 100
sub many
{
	my ($name, $n) = @_;
	(my $sql = $many{$name}) =~ s/100 LOOP/$n LOOP/;
	$sql =~ s/\(1, 100\)/(1, $n)/;
	return $name eq '100 statements' ? $single x $n : $sql;
}

my $device = $node->safe_psql('postgres', q{SELECT current_setting('pgtorch.device', true)}) || 'cpu';
for my $workers (8, 0)
{
	# each worker opens its device, which takes a GPU's half a second
	my $n = $workers && $device ne 'cpu' ? 15 : 100;
	my ($s, $pid) = session("max_parallel_workers = $workers", 'pgtorch.threads = 2', 'pgtorch.cache_memory = 1');
	for my $name (sort keys %many)
	{
		next if $workers == 8 && $name =~ /predictions/;
		$s->query_safe(many($name, 5));
		my ($rss, $fds, $maps, $threads) = footprint($pid);
		$s->query_safe(many($name, $n));
		my ($rss2, $fds2, $maps2, $threads2) = footprint($pid);
		(my $what = $name) =~ s/100/$n/;
		$what .= $workers ? ' in workers' : ' in the backend';
		cmp_ok($rss2 - $rss, '<', 10 * 1024, sprintf('%s: RSS grows by %.1f MB', $what, ($rss2 - $rss) / 1024));
		# a leak would be one for each; what the backend keeps open are free space maps and indexes as tables come to have them
		cmp_ok($fds2 - $fds, '<', 10 + $n / 4, "$what: files stay " . ($fds2 - $fds));
		cmp_ok($maps2 - $maps, '<=', 30, "$what: mappings stay " . ($maps2 - $maps));
		is($threads2, $threads, "$what: threads stay");
	}
	$s->quit;
}

# ---- a dataset is in a file, not in memory ----

{
	my ($s, $pid) = session('pgtorch.threads = 1');
	my $query = q{SELECT rows FROM pgtorch_train('m', 'SELECT array_fill(i::real, ARRAY[32]), 1 FROM generate_series(1, %d) i', nn.MSELoss(), optim.SGD(lr => 0), batch_size => 5000) JOIN pgtorch.runs ON id = run};
	$s->query_safe(sprintf($query, 1000));
	my $before = memory($pid, 'RssAnon');
	my $peak = 0;
	is($s->query_safe(sprintf($query, 10)) || 10, 10, 'small');
	$s->query_until(qr/started/, "\\echo started\n" . sprintf($query, 400000) . ";\n");
	while ($node->safe_psql('postgres', "SELECT state FROM pg_stat_activity WHERE pid = $pid") eq 'active')
	{
		my $now = memory($pid, 'RssAnon');
		$peak = $now if $now > $peak;
		sleep 0.01;
	}
	cmp_ok($peak - $before, '<', 16 * 1024, sprintf('reading 52 MB takes %.1f MB of memory', ($peak - $before) / 1024));
	$s->query('SELECT 1');
	$s->quit;
}

# ---- what an op with a data-dependent shape kept goes with its call, not with PL/pgSQL's transaction ----

{
	my ($s, $pid) = session(q{pgtorch.device = 'cpu'}, 'pgtorch.threads = 1');
	$s->query_safe(q{CREATE FUNCTION distinct_of(n integer) RETURNS bigint LANGUAGE plpgsql AS
		$$BEGIN RETURN torch.numel((torch.unique(torch.arange(n))).output); END$$});
	$s->query_safe('BEGIN; SELECT distinct_of(10)');
	my $before = memory($pid, 'RssAnon');
	is($s->query_safe('SELECT distinct_of(5000000)'), '5000000', 'unique of 5,000,000 elements');
	my $left = memory($pid, 'RssAnon') - $before;
	cmp_ok($left, '<', 20 * 1024, sprintf('leaves %.1f MB of memory', $left / 1024));
	$s->quit;
}

is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), '0', 'no temporary file is left');

# ---- preloaded: the postmaster loads the library, and nothing else ----

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgtorch'");
$node->restart;
$postmaster = (split /\n/, read_proc($node->data_dir . '/postmaster.pid'))[0];
like(read_proc("/proc/$postmaster/maps"), qr/pgtorch\.so/, 'pgtorch can be preloaded');
unlike(read_proc("/proc/$postmaster/maps"), qr/blas/, 'which opens no BLAS');
is(scalar(masks($postmaster)), 0, 'and starts no thread');
is($node->safe_psql('postgres', "SET client_min_messages = error; SELECT steps FROM pgtorch_train('m', 'SELECT x, y FROM t', nn.MSELoss())"), '32', 'training works');

# ---- without OpenBLAS (libraries of its names are found first that are none): the built-in product serves ----

my $trained = q{SET client_min_messages = error; SET pgtorch.device = 'cpu'; SELECT loss FROM pgtorch_train('wide', 'SELECT x, y FROM wide ORDER BY x', nn.CrossEntropyLoss(), batch_size => 500, deploy => false)};
my $loss = $node->safe_psql('postgres', $trained);
my $fakes = PostgreSQL::Test::Utils::tempdir();
append_to_file("$fakes/$_", '') for qw(libopenblas.so.0 libopenblas.so libopenblasp.so.0 libopenblas64.so.0);
$node->stop;
{
	local $ENV{LD_LIBRARY_PATH} = $fakes . ($ENV{LD_LIBRARY_PATH} ? ":$ENV{LD_LIBRARY_PATH}" : '');
	$node->start;
}
is($node->safe_psql('postgres', q{SET pgtorch.device = 'cpu'; SELECT value FROM pgtorch_info() WHERE key = 'blas'}), 'built-in', 'without OpenBLAS pgtorch_info says so');
my $without = $node->safe_psql('postgres', $trained);
cmp_ok(abs($without - $loss), '<', 1e-4 * $loss, 'and training gives the same loss');

$node->stop;
done_testing();
