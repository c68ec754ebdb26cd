#
# parts.sh
#	  The parts of "run": each has a time limit, adds lines to the table and keeps its log in $out.
#
#	  part_engine DEVICE	the engine's own tests
#	  part_sql				regress, isolation, demo
#	  part_regress DEVICE	regress alone
#	  part_tap				cancel, crash, dump, roles: needs Perl
#	  part_sanitizer		compute-sanitizer over the engine's tests
#	  start_bench			lets PyTorch compile while the tests run
#	  part_bench			training speeds beside PyTorch's
#
# Sourced by bash.  SECONDS counts from the start of "run"; room and row are its functions.
#

# Keeps a log's beginning and end: $1 name, $2 file, $3 most lines
keep_log()
{
	[ -s "$2" ] || return
	echo "---------- $1"
	if [ "$(wc -l < "$2")" -le "$3" ]; then
		cat "$2"
	else
		head -n $(($3 / 2)) "$2"
		echo "..."
		tail -n $(($3 / 2)) "$2"
	fi | cut -c 1-2000
}

no_time()
{
	row SKIP "$1" "no time was left for it"
}

# ---------------------------------------------------------------------------
# Engine
# ---------------------------------------------------------------------------

# $1: program, $2: log, $3: when it has to end, in seconds since 1970.  Its exit status goes to a file beside the log.
one_program()
{
	local left=$(($3 - $(date +%s)))

	[ "$left" -gt 0 ] && cd "$tree" || return
	timeout -k 5 "$left" "build/obj/$1" > "$2" 2>&1
	echo $? > "$2.status"
}

part_engine()
{
	local on=$1 dir=$work/log/engine-$1 start=$SECONDS programs name p f status counts
	local passed=0 failed=0 skipped=0 ran=0 bad= late= jobs=$(($(nproc) / 2))

	room 130 $([ "$on" = "$device" ] && echo 240 || echo 20) || { no_time "engine, $on"; return; }
	[ "$jobs" -ge 1 ] || jobs=1
	[ "$jobs" -le 8 ] || jobs=8
	mkdir -p "$dir"
	export -f one_program
	# those of the GPU first
	programs=$(cd "$tree/build/obj" && ls -d test_cuda_* test_* 2> /dev/null | awk '!seen[$0]++')
	if [ "$on" = cuda ]; then
		export PGTORCH_TEST_DEVICE=cuda PGTORCH_CUDA_LIBRARY=$library
	else
		programs=$(echo "$programs" | grep -v '^test_cuda_')
	fi
	# the outer limit only for what does not end by its own: a timeout does not reach those of another
	echo "$programs" | tree=$tree LD_LIBRARY_PATH=$libs timeout -k 5 $((seconds + 6)) xargs -P "$jobs" -I{} \
		bash -c 'one_program "$1" "$2/$1" "$3"' - {} "$dir" $(($(date +%s) + seconds)) > /dev/null 2>&1
	unset PGTORCH_TEST_DEVICE PGTORCH_CUDA_LIBRARY
	for name in $programs; do
		status=$(cat "$dir/$name.status" 2> /dev/null)
		counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$dir/$name" 2> /dev/null | tail -n 1)
		p=${counts% *}
		f=${counts#* }
		passed=$((passed + ${p:-0}))
		if [ -z "$status" ] || [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
			late="$late $name"
			failed=$((failed + 1))
		elif [ "$status" -ne 0 ] || [ "${f:-0}" -ne 0 ]; then
			bad="$bad; $name: $([ "${f:-0}" -ne 0 ] && echo "${f} failed" || echo "exit status $status")"
			failed=$((failed + 1))
		elif [ -z "$counts" ]; then
			skipped=$((skipped + 1))
		else
			ran=$((ran + 1))
		fi
		keep_log "$name, $on (status ${status:-none})" "$dir/$name" 200
	done >> "$out/engine.log"
	if [ -n "$late" ] && [ -z "$bad" ]; then
		late "engine, $on" "not ended:$late ($passed checks passed, log engine.log)"
	elif [ "$failed" -ne 0 ]; then
		bad="$bad${late:+; not done within $seconds s:$late}"
		row FAIL "engine, $on" "${bad#; } ($passed checks passed, log engine.log)"
	else
		row PASS "engine, $on" "$passed checks in $ran programs$([ "$skipped" -eq 0 ] || echo ", $skipped skipped"), $((SECONDS - start)) s"
	fi
}

# ---------------------------------------------------------------------------
# SQL
# ---------------------------------------------------------------------------

# $1: suite, $2: program, $3: folder, $4: schedule, $5: device
regress()
{
	local dir=$work/home/$1-$5 log=$work/log/$1-$5 start=$SECONDS status p f name options=

	start_server || return
	use_library "$5"
	# on the CPU as everywhere: the setting has its default
	[ "$5" = cpu ] || options="-c pgtorch.device=$5"
	rm -rf "$dir"
	mkdir -p "$dir"
	cp -r "$tree/test/$3" "$tree/expected" "$tree/test/data" "$tree/test/golden" "$tree/test/$4" "$dir/"
	[ "$drop" = self ] || chown -R "$user_id:$user_group" "$dir"
	timeout -k 10 "$seconds" env PGOPTIONS="$options" bash -c '
		. "$here/machine.sh"; eval "$1"; shift; as_user env -C "$@"' - "$(user_state)" \
		"$dir" LD_LIBRARY_PATH="$libs" "$pgxs/test/$2" --bindir="$pg" --host="$work/home" --port=5432 --user="$user" \
		--inputdir="$dir" --outputdir="$dir" --dbname="$1_$5" --load-extension=pgtorch --schedule="$dir/$4" > "$log" 2>&1
	status=$?
	# what pg_regress prints before PostgreSQL 16 and since
	p=$(grep -c -E '^(test .*|     [^ ].*)\.\.\. ok |^ok ' "$log")
	f=$(grep -c -E '^(test .*|     [^ ].*)\.\.\. FAILED|^not ok ' "$log")
	name=$(sed -n -E 's/^(test|    ) *([^ ]+) +\.\.\. FAILED.*/\2/p; s/^not ok [0-9]* *[-+] ([^ ]+).*/\1/p' "$log" | tr '\n' ' ')
	{
		keep_log "$1, $5 (status $status)" "$log" 200
		keep_log "$1, $5: differences" "$dir/regression.diffs" 2000
	} >> "$out/sql.log"
	if [ "$status" -eq 0 ] && [ "$p" -gt 0 ]; then
		row PASS "$1, $5" "$p of $p, $((SECONDS - start)) s"
	elif [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		if [ -n "$name" ]; then
			row FAIL "$1, $5" "$p passed, failed: $name, not done within $seconds s (log sql.log)"
		else
			late "$1, $5" "$p passed (log sql.log)"
		fi
		# what it left running would disturb the next
		stop_server
	else
		row FAIL "$1, $5" "$p passed, $f failed${name:+: $name}(log sql.log)"
	fi
}

# as_user's variables, for another shell
user_state()
{
	printf '%s=%q;' drop "$drop" user "$user" user_id "$user_id" user_group "${user_group:-}" user_groups "${user_groups:-}" work "$work"
}

demo()
{
	local log=$work/log/demo accuracy start=$SECONDS

	start_server || return
	use_library "$device"
	cp "$tree/test/demo.sql" "$tree/test/data/digits.csv" "$work/home/"
	chmod 644 "$work/home/demo.sql" "$work/home/digits.csv"
	export PGOPTIONS="-c pgtorch.device=$device"
	psql -P pager=off -f demo.sql > "$log" 2>&1
	unset PGOPTIONS
	keep_log "demo, $device" "$log" 100 >> "$out/sql.log"
	accuracy=$(sed -n 's/^ *accuracy \([0-9.]*\) *$/\1/p' "$log" | tail -n 1)
	if [ -n "$accuracy" ] && awk -v a="$accuracy" 'BEGIN { exit !(a > 0.85) }'; then
		row PASS "demo, $device" "digits: accuracy $accuracy, $((SECONDS - start)) s"
	else
		row FAIL "demo, $device" "${accuracy:+accuracy $accuracy }$(grep -m 1 -E 'ERROR|error' "$log" || echo "not done within $seconds s")"
	fi
}

part_regress()
{
	if room 90 $([ "$1" = "$device" ] && echo 200 || echo 25); then
		regress regress regress/pg_regress sql schedule "$1"
	else
		no_time "regress, $1"
	fi
}

part_sql()
{
	start_server || return
	part_regress "$device"
	if room 40 190; then demo; else no_time "demo, $device"; fi
	if room 60 180; then
		regress isolation isolation/pg_isolation_regress specs isolation_schedule "$device"
	else
		no_time "isolation, $device"
	fi
	keep_log "server" "$work/home/server.log" 1000 >> "$out/sql.log"
}

part_tap()
{
	local dir=$work/home/tap start=$SECONDS log=$work/log/tap status p f name jobs=1 bad

	if [ -n "$user_why" ]; then
		row SKIP "tap, $device" "$user_why"
		return
	fi
	if ! command -v prove > /dev/null; then
		row SKIP "tap, $device" "there is no prove"
		return
	fi
	room 150 170 || { no_time "tap, $device"; return; }
	mkdir -p "$dir/log" "$dir/tmp"
	cp -r "$tree/test/t" "$tree/test/data" "$dir/"
	printf "timezone = 'GMT'\nlog_timezone = 'GMT'\npgtorch.device = '%s'\n" "$device" > "$dir/conf"
	[ "$drop" = self ] || chown -R "$user_id:$user_group" "$dir"
	use_library "$device"
	# it times how fast work on the device ends, which that of the stand-in does not
	[ -z "$emulated" ] || rm -f "$dir"/t/001_cancel.pl
	export PERL5LIB="$pgxs/test/perl:$dir/t"
	if ! as_user perl -MTest::More -MIPC::Run -MFile::Temp -e 1 > "$log" 2>&1; then
		unset PERL5LIB
		row SKIP "tap, $device" "Perl is not complete: $(head -n 1 "$log" | cut -c 1-80)"
		return
	fi
	[ "$(nproc)" -lt 8 ] || jobs=3
	timeout -k 10 "$seconds" bash -c '
		. "$here/machine.sh"; eval "$1"; shift; as_user env -C "$@"' - "$(user_state)" \
		"$dir" -u PGHOST -u PGPORT -u PGUSER LD_LIBRARY_PATH="$libs" PATH="$pg:$PATH" LC_ALL=C TZ=GMT TMPDIR="$work/home" TEMP_CONFIG="$dir/conf" \
		PG_REGRESS="$pgxs/test/regress/pg_regress" TESTDIR="$dir" TESTLOGDIR="$dir/log" TESTDATADIR="$dir/tmp" \
		bash -c "prove -j $jobs --timer --nocolor -v t/*.pl" > "$log" 2>&1
	status=$?
	unset PERL5LIB
	p=$(grep -c '^ok ' "$log")
	p=$((p - $(grep -c '^ok .*# skip' "$log")))
	f=$(grep -c '^not ok ' "$log")
	bad=$(sed -n 's/^not ok [0-9]* - //p; s/^\(t[^ ]*\) .*(Wstat: [^0].*/\1 died/p' "$log" | head -n 4 | cut -c 1-80 | tr '\n' ';')
	grep -v '^ok ' "$log" > "$log.rest"
	{
		keep_log "tap, $device (status $status)" "$log.rest" 3000
		# a script's last words stand in a log of its own
		[ "$status" -eq 0 ] || for name in "$dir"/log/regress_log_* "$dir"/tmp_check/log/regress_log_*; do
			keep_log "${name##*/}" "$name" 60
		done
	} > "$out/tap.log"
	if [ "$status" -eq 0 ] && [ "$p" -gt 0 ]; then
		row PASS "tap, $device" "$p of $p, $((SECONDS - start)) s"
	elif [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		if [ "$f" -gt 0 ]; then
			row FAIL "tap, $device" "$p passed, $f failed: $bad not done within $seconds s (log tap.log)"
		else
			late "tap, $device" "$p passed (log tap.log)"
		fi
		# its servers would disturb what follows
		stop_servers
		end_processes "$dir"
	else
		row FAIL "tap, $device" "$p passed, $f failed: $bad (log tap.log)"
	fi
}

# ---------------------------------------------------------------------------
# compute-sanitizer
# ---------------------------------------------------------------------------

# $1: tool, $2: log, $3: limit, then the command.  Prints as what it ended: clean, errors, late, failed.
check()
{
	local tool=$1 log=$2 limit=$3 status summary ran=

	shift 3
	# only what kernels do counts: tests ask for too much memory on purpose
	timeout -s INT -k 5 "$limit" "$sanitizer" --tool "$tool" --target-processes all --report-api-errors no --error-exitcode 86 \
		$([ "$tool" = memcheck ] && echo --leak-check no) \
		env LD_LIBRARY_PATH="$libs" PGTORCH_TEST_DEVICE=cuda PGTORCH_CUDA_LIBRARY="$library" "$@" > "$log" 2>&1
	status=$?
	summary=$(grep -E '(ERROR|RACECHECK) SUMMARY' "$log" | grep -v -E 'SUMMARY: 0 |SUMMARY: .* \(0 errors, 0 warnings\)')
	# a tool that refuses the machine counts that as an error, or says that all is well, without a word of the program
	! grep -q -E '^[0-9]+ (steps|passed, [0-9]+ failed)$' "$log" || ran=1
	if grep -q -E '^=+ +(Invalid|Misaligned|(Error|Warning): (Race|Potential)|Barrier error|Uninitialized)' "$log" ||
		{ [ -n "$ran" ] && { [ -n "$summary" ] || [ "$status" -eq 86 ]; }; }; then
		echo errors
	elif [ "$status" -eq 124 ] || [ "$status" -eq 137 ] || [ "$status" -eq 130 ]; then
		echo late
	elif [ "$status" -ne 0 ] || [ -z "$ran" ] || ! grep -q 'SUMMARY' "$log"; then
		echo failed
	else
		echo clean
	fi > "$log.end"
}

# $1: tool, $2: seconds
sanitize()
{
	local tool=$1 dir=$work/log/$1 start=$SECONDS name end n=0 late= bad= failed=

	mkdir -p "$dir"
	export -f check
	export sanitizer libs library tree
	{
		echo "train build/obj/gpu_fit --steps 20 cuda $library 64-48-10/32/float32"
		echo "train-bf16 build/obj/gpu_fit --steps 6 cuda $library 256-256-10/128/bfloat16"
		(cd "$tree/build/obj" && ls -d test_cuda_* test_fit test_loss test_optim 2> /dev/null) | sed 's|.*|& build/obj/&|'
	} > "$dir/list"
	# two parts: how it begins and the rest are the name and the command
	timeout -k 5 $(($2 + 6)) xargs -a "$dir/list" -P 4 -L 1 bash -c '
		tool=$1 dir=$2 left=$(($3 - $(date +%s))) name=$4
		shift 4
		[ "$left" -gt 0 ] && cd "$tree" && check "$tool" "$dir/$name" "$left" "$@"' - "$tool" "$dir" $(($(date +%s) + $2)) > /dev/null 2>&1
	while read -r name _; do
		end=$(cat "$dir/$name.end" 2> /dev/null)
		case $end in
			clean) n=$((n + 1)) ;;
			errors) bad="$bad $name ($(grep -E 'SUMMARY' "$dir/$name" | tail -n 1 | sed 's/^=* *//'))" ;;
			failed) failed="$failed $name" ;;
			*) late="$late $name" ;;
		esac
		keep_log "$tool, $name (${end:-no end})" "$dir/$name" 150 >> "$out/sanitizer.log"
	done < "$dir/list"
	late=${late:+; not done within $2 s, nothing found until then:$late}
	failed=${failed:+; ended by themselves:$failed}
	if [ -n "$bad" ]; then
		row FAIL "$tool" "found errors in$bad$late$failed (log sanitizer.log)"
	elif [ "$n" -gt 0 ]; then
		row PASS "$tool" "$n programs clean, $((SECONDS - start)) s$late$failed"
	else
		row SKIP "$tool" "no program got to its end$late$failed"
	fi
}

part_sanitizer()
{
	local log=$work/log/sanitizer why

	if [ "$device" = cpu ]; then
		row SKIP compute-sanitizer "the device is the CPU"
		return
	fi
	sanitizer=
	for sanitizer in $(command -v compute-sanitizer) /usr/local/cuda/bin/compute-sanitizer \
		/usr/local/cuda*/compute-sanitizer/compute-sanitizer /opt/nvidia/*/compute-sanitizer ''; do
		[ ! -f "$sanitizer" ] || [ ! -x "$sanitizer" ] || break
	done
	if [ -z "$sanitizer" ]; then
		row SKIP compute-sanitizer "it is not installed"
		return
	fi
	room 40 20 || { no_time compute-sanitizer; return; }
	# some machines refuse it
	cd "$tree" || return
	check memcheck "$log" "$seconds" build/obj/gpu_fit --steps 2 cuda "$library" 8-4-2/4/float32
	cd - > /dev/null || return
	keep_log "probe" "$log" 100 >> "$out/sanitizer.log"
	if [ "$(cat "$log.end")" != clean ] && [ "$(cat "$log.end")" != errors ]; then
		why=$(grep -i -E 'not supported|error|fail|unable' "$log" | head -n 1 | sed 's/^=* *//')
		[ "$(cat "$log.end")" = failed ] || why="no answer within $seconds s"
		row SKIP compute-sanitizer "it does not work here: ${why:-status other than 0}"
		return
	fi
	if room 60 20; then sanitize memcheck "$seconds"; else no_time memcheck; fi
	if room 60 20; then sanitize racecheck "$seconds"; else no_time racecheck; fi
}

# ---------------------------------------------------------------------------
# Benchmarks
# ---------------------------------------------------------------------------

# The moment after which no round begins leaves 60 s for what follows.
start_bench()
{
	: > "$work/bench.tsv"
	mkdir -p "$work/inductor"
	[ -z "$emulated" ] || export BENCH_SMALL=1
	BENCH_WAIT=$work/go BENCH_UNTIL=$(($(date +%s) + total - SECONDS - 60 * total / 510)) TMPDIR=$work BENCH_LIBS=$libs \
		TORCHINDUCTOR_CACHE_DIR=$work/inductor TRITON_CACHE_DIR=$work/inductor/triton \
		bash "$tree/test/bench/gpu_compare" "$device" "$([ "$device" = cuda ] && echo "$library" || echo -)" \
		"$tree/build/obj/gpu_fit" "$work/bench.tsv" > "$out/bench.log" 2>&1 &
	background=$!
}

# $1: device, $2: epochs.  Rows per second of pgtorch_train, and seconds of reading.
sql_speed()
{
	use_library "$1"
	export PGOPTIONS="-c pgtorch.device=$1"
	psql -q -A -t -v epochs="$2" -v rows="$([ -n "$emulated" ] && echo 256 || echo 10240)" -f "$tree/test/bench/gpu.sql" 2>> "$out/bench.log" | tail -n 1
	unset PGOPTIONS
}

part_bench()
{
	local result what text until speed cpu seconds

	if ! room 180 40; then
		no_time benchmarks
		end_processes "BENCH_WAIT=$work/go"
		return
	fi
	until=$((SECONDS + seconds))
	touch "$work/go"
	while kill -0 "$background" 2> /dev/null && [ "$SECONDS" -lt "$until" ]; do
		sleep 0.5
	done
	# it still tells what it has
	if kill "$background" 2> /dev/null; then
		until=$((SECONDS + 8))
		while kill -0 "$background" 2> /dev/null && [ "$SECONDS" -lt "$until" ]; do
			sleep 0.2
		done
		late benchmarks "log bench.log"
	elif [ ! -s "$work/bench.tsv" ]; then
		row FAIL benchmarks "$(tail -n 1 "$out/bench.log")"
	fi
	kill -9 "$background" 2> /dev/null
	wait "$background" 2> /dev/null
	end_processes "BENCH_WAIT=$work/go"
	while IFS=$'\t' read -r result what text; do
		row "$result" "$what" "$text"
	done < "$work/bench.tsv"
	room 40 20 || { no_time "train in SQL, $device"; return; }
	start_server || return
	if [ "$device" = cuda ] && [ -z "$emulated" ]; then
		speed=$(sql_speed cuda 21)
	else
		speed=$(sql_speed "$device" 3)
	fi
	if [ -z "$speed" ]; then
		row FAIL "train in SQL, $device" "$(grep ERROR "$out/bench.log" || echo "not done within $seconds s")"
		return
	fi
	[ "$device" = cpu ] || ! room 20 20 || cpu=$(sql_speed cpu 3)
	row PASS "train in SQL, $device" "784-512-256-10, 128: $speed${cpu:+; on the CPU $cpu}"
}
