#
# machine.sh
#	  What "run" finds or makes on the machine: the unpacked bundle, the device, libraries, a user, a server.
#
#	  unpack				$work, $tree (tests), $pg (PostgreSQL's programs), $pg_lib
#	  find_device			$device: cuda or cpu; $library: the pgtorch_cuda.so to use; $emulated: not empty if that needs no GPU
#	  find_user				as_user COMMAND... runs as one whom PostgreSQL accepts; $user_why: why there is none
#	  find_libraries		$libs: the path for the dynamic linker
#	  try_device			$device is cpu if the GPU cannot be opened
#	  describe				the first line of the table, and $out/machine.log
#	  start_server			a server on $PGHOST; fails after saying why
#	  end_processes TEXT	kills those whose environment, command or program has TEXT
#
# Sourced by bash.  Nothing outside $work and $out changes, save the mode of the GPU's device files where
# nobody but root could open them.
#
user=
user_id=
user_why=
drop=
libs=
pg_regress=

# ---------------------------------------------------------------------------
# The bundle
# ---------------------------------------------------------------------------

# A directory where programs may run.
unpack()
{
	local base need free

	# a small one may hold the bundle and not what tests write
	for need in 2000 0; do
		for base in "${TMPDIR:-/tmp}" /tmp /var/tmp "$out"; do
			free=$(df -Pm "$base" 2> /dev/null | awk 'END { print $4 }')
			[ "${free:-0}" -ge "$need" ] 2> /dev/null || continue
			work=$(mktemp -d "$base/pgtorch.XXXXXX" 2> /dev/null) || continue
			# the name of a Unix socket has 107 bytes
			if [ "${#work}" -lt 70 ] && tar -xzf "$here/files.tar.gz" -C "$work" --no-same-owner 2> "$out/machine.log" &&
				"$work/tree/build/obj/gpu_fit" --steps 1 cpu - 4-2-1/2/float32 >> "$out/machine.log" 2>&1; then
				break 2
			fi
			rm -rf "$work"
			work=
		done
	done
	if [ -z "$work" ]; then
		row FAIL unpack "$(tail -n 1 "$out/machine.log")"
		return 1
	fi
	chmod 755 "$work"
	. "$work/paths"
	pg=$work/$pg_bin
	pg_lib=$work/$pg_lib
	pgxs=$work/$pgxs
	tree=$work/tree
	mkdir -p "$work/log" "$work/cuda" "$work/home"
	chmod 777 "$work/home"
	# by this end_processes knows what was started
	export PGTORCH_BUNDLE=$work
}

# ---------------------------------------------------------------------------
# The device
# ---------------------------------------------------------------------------

has_gpu()
{
	[ -e /dev/nvidiactl ] || [ -e /dev/nvidia0 ] || [ -e /dev/dxg ] || timeout -k 5 20 nvidia-smi -L 2> /dev/null | grep -q '^GPU'
}

find_device()
{
	local own=$pg_lib/pgtorch_cuda.so asked=$device why=

	if [ -n "$library" ] && [ -r "$library" ]; then
		cp "$library" "$work/pgtorch_cuda.so"
	elif [ -n "$library" ]; then
		why="there is no $library"
	elif [ -e "$own" ]; then
		mv "$own" "$work/pgtorch_cuda.so"
	else
		why="the bundle has no pgtorch_cuda.so: it was made without nvcc"
	fi
	rm -f "$own"
	library=$work/pgtorch_cuda.so
	if [ -z "$asked" ] && ! has_gpu; then
		why=${why:-there is no GPU}
	fi
	device=cuda
	[ "$asked" != cpu ] && [ -z "$why" ] || device=cpu
	# the tests' stand-in for a GPU computes on the CPU: a thousand times slower
	emulated=
	[ "$device" = cpu ] || ! grep -q CUDA_EMULATOR "$library" || emulated=1
	if [ "$asked" = cuda ] && [ -n "$why" ]; then
		row FAIL "device cuda" "$why; all that follows is on the CPU"
	elif [ "$asked" != cpu ] && [ -n "$why" ]; then
		row SKIP "device cuda" "$why"
	fi
}

# PostgreSQL sees the GPU's library only where a suite is meant for it: without, all is as on any machine.
use_library()
{
	if [ "$1" = cuda ]; then
		cp -f "$library" "$pg_lib/" && chmod 755 "$pg_lib/pgtorch_cuda.so"
	else
		rm -f "$pg_lib/pgtorch_cuda.so"
	fi
}

# ---------------------------------------------------------------------------
# A user for PostgreSQL, which does not run as root
# ---------------------------------------------------------------------------

as_user()
{
	case $drop in
		self) env HOME="$work/home" "$@" ;;
		setpriv) setpriv --reuid="$user_id" --regid="$user_group" $user_groups -- env HOME="$work/home" "$@" ;;
		runuser) runuser -u "$user" -- env HOME="$work/home" "$@" ;;
		python3)
			python3 -c 'import os, sys
os.setgroups([int(g) for g in sys.argv[3].split(",") if g])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execvp(sys.argv[4], sys.argv[4:])' "$user_id" "$user_group" "${user_groups#--groups=}" env HOME="$work/home" "$@"
			;;
		su) su -s /bin/sh "$user" -c 'exec "$0" "$@"' -- env HOME="$work/home" "$@" ;;
		*) return 127 ;;
	esac
}

find_user()
{
	local entry file gids

	if [ "$(id -u)" -ne 0 ]; then
		drop=self
		user=$(id -un)
		return
	fi
	# PostgreSQL looks up its user's name, so a number without one does not do
	for user in postgres nobody daemon $(cut -d : -f 1,3 /etc/passwd 2> /dev/null | grep -v ':0$' | cut -d : -f 1); do
		entry=$(grep "^$user:" /etc/passwd 2> /dev/null | head -n 1)
		[ -n "$entry" ] && break
	done
	if [ -z "$entry" ]; then
		user_why="PostgreSQL does not run as root, and /etc/passwd has nobody else"
		return
	fi
	user_id=$(echo "$entry" | cut -d : -f 3)
	user_group=$(echo "$entry" | cut -d : -f 4)
	# the groups that the GPU's files belong to
	gids=$(stat -c %g /dev/nvidia* /dev/nvidia-caps/* /dev/dri/* /dev/dxg 2> /dev/null | grep -v '^0$' | sort -u | tr '\n' ',')
	user_groups=${gids:+--groups=${gids%,}}
	for drop in setpriv runuser python3 su; do
		[ "$drop" != setpriv ] || [ -n "$user_groups" ] || user_groups=--clear-groups
		[ "$drop" = setpriv ] || [ "$user_groups" != --clear-groups ] || user_groups=
		[ "$(as_user id -u 2> /dev/null)" = "$user_id" ] && break
		drop=
	done
	if [ -z "$drop" ]; then
		user_why="PostgreSQL does not run as root, and setpriv, runuser, python3 and su cannot make us $user here"
		return
	fi
	for file in /dev/nvidia[0-9]* /dev/nvidiactl /dev/nvidia-uvm* /dev/nvidia-caps/* /dev/dxg; do
		if [ -c "$file" ] && ! as_user test -r "$file" -a -w "$file"; then
			chmod a+rw "$file" 2> /dev/null
			as_user test -r "$file" -a -w "$file" || echo "$user cannot open $file" >> "$out/machine.log"
		fi
	done
	chown "$user_id:$user_group" "$work/home"
}

# ---------------------------------------------------------------------------
# Libraries
# ---------------------------------------------------------------------------

# Where CUDA's library $1 is.
find_library()
{
	local dir file

	file=$(ldconfig -p 2> /dev/null | sed -n "s/^[ \t]*$1 .* => //p" | head -n 1)
	if [ -z "$file" ]; then
		# those of a toolkit, then those that Python's packages bring
		for dir in $(echo "${LD_LIBRARY_PATH:-}" | tr ':' ' ') /usr/local/cuda/lib64 /usr/local/cuda-*/lib64 \
			/usr/local/cuda*/targets/x86_64-linux/lib /usr/local/nvidia/lib64 /usr/lib64-nvidia /opt/cuda/lib64 $python_dirs; do
			[ -e "$dir/$1" ] || continue
			file=$dir/$1
			break
		done
	fi
	echo "$file"
}

find_libraries()
{
	local name file other missing=

	libs=$work/lib
	if ! ldconfig -p 2> /dev/null | grep -q 'libstdc++\.so\.6 ' && [ -z "$(ls /usr/lib*/libstdc++.so.6 /usr/lib/*/libstdc++.so.6 2> /dev/null)" ]; then
		libs="$libs:$work/libc++"
	fi
	libs="$libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
	[ "$device" = cuda ] && [ -z "$emulated" ] || return
	python_dirs=$(python3 -c 'import glob, sys
for p in sys.path:
    for d in sorted(glob.glob(p + "/nvidia/*/lib") + glob.glob(p + "/torch/lib"), reverse=True):
        print(d)' 2> /dev/null)
	# what it links, and what it opens at run time
	for name in $(grep -a -o 'libcublasLt\.so\.[0-9]*' "$library" | sort -u) \
		$(grep -a -o 'libnvrtc\.so\.[0-9]*' "$library" | sort -u -r) libcuda.so.1; do
		file=$(find_library "$name")
		echo "$name: ${file:-not found}" >> "$out/machine.log"
		if [ -z "$file" ]; then
			missing="$missing $name"
			continue
		fi
		# a library finds its companions beside it
		for other in "$file" "$(dirname "$file")"/libcublas*.so* "$(dirname "$file")"/libnvrtc*.so* "$(dirname "$file")"/libnvJitLink*.so*; do
			[ -e "$other" ] && [ ! -e "$work/cuda/$(basename "$other")" ] || continue
			case $name:$other in libcuda*:*/libcublas* | libcuda*:*/libnv*) continue ;; esac
			if [ -z "$drop" ] || as_user test -r "$other"; then
				ln -s "$other" "$work/cuda/"
			else
				cp -L "$other" "$work/cuda/" && chmod 755 "$work/cuda/$(basename "$other")"
			fi
		done
	done
	libs="$libs:$work/cuda"
	# of NVRTC one version is enough
	case $missing in *libnvrtc*) ls "$work"/cuda/libnvrtc.so.* > /dev/null 2>&1 && missing=$(echo " $missing" | tr ' ' '\n' | grep -v libnvrtc | tr '\n' ' ') ;; esac
	[ -z "${missing// /}" ] || row "-" "libraries" "not found:$missing"
}

with_libs()
{
	env LD_LIBRARY_PATH="$libs" "$@"
}

# A device that cannot be opened would fail everything, each part in its words.
try_device()
{
	local answer

	[ "$device" = cuda ] || return
	# it opens the device and refuses the request
	answer=$(echo probe | with_libs timeout -k 5 60 "$tree/build/obj/gpu_fit" cuda "$library" 2>&1 | head -n 1)
	case $answer in "error: not a request"*) return ;; esac
	row FAIL "device cuda" "${answer:-it does not open within 60 s}; all that follows is on the CPU"
	device=cpu
}

# ---------------------------------------------------------------------------
# What machine this is
# ---------------------------------------------------------------------------

describe()
{
	local gpu=

	gpu=$(timeout -k 5 20 nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null | head -n 1)
	{
		cat "$here/VERSION"
		uname -a
		cat /etc/os-release 2> /dev/null | head -n 2
		ldd --version 2> /dev/null | head -n 1
		echo "user: ${user:-none} (${drop:-$user_why}), work: $work, libraries: $libs"
		sed -n 's/^model name[^:]*: */CPU: /p' /proc/cpuinfo | head -n 1
		head -n 3 /proc/meminfo
		df -h "$work" | tail -n 1
		for tool in nvcc gcc compute-sanitizer python3 perl prove; do
			echo "$tool: $(command -v "$tool") $(timeout -k 5 10 "$tool" --version 2> /dev/null | grep -v '^ *$' | head -n 1)"
		done
		timeout -k 5 20 nvidia-smi 2>&1
		if [ "$device" = cuda ]; then
			with_libs ldd "$library" 2>&1
		fi
	} >> "$out/machine.log"
	row "-" machine "${gpu:-no GPU}, $(nproc) CPUs, to be tested: $device${emulated:+ (a stand-in on the CPU)}"
}

# ---------------------------------------------------------------------------
# A server
# ---------------------------------------------------------------------------

psql()
{
	as_user env -C "$work/home" LD_LIBRARY_PATH="$libs" timeout -k 5 "$seconds" "$pg/psql" -X -d postgres -v ON_ERROR_STOP=1 "$@"
}

start_server()
{
	local why=$user_why

	[ -n "$server" ] && as_user env LD_LIBRARY_PATH="$libs" "$pg/pg_ctl" -D "$server" status > /dev/null 2>&1 && return
	[ -z "$why" ] || { row SKIP server "$why"; return 1; }
	unset PGDATABASE PGPASSWORD PGSERVICE PGSSLMODE PGOPTIONS PGHOSTADDR PGDATA TZ
	export PGHOST=$work/home PGPORT=5432 PGUSER=$user
	server=$work/home/data
	if [ ! -e "$server/PG_VERSION" ]; then
		if ! as_user env LD_LIBRARY_PATH="$libs" timeout -k 5 60 "$pg/initdb" -D "$server" -U "$user" -A trust -N -E UTF8 --locale=C \
			> "$work/log/initdb.log" 2>&1; then
			cat "$work/log/initdb.log" >> "$out/sql.log"
			row FAIL server "initdb: $(grep -E 'rror|fatal|FATAL|cannot' "$work/log/initdb.log" | head -n 1)"
			server=
			return 1
		fi
		# GMT needs no data of time zones
		as_user tee -a "$server/postgresql.conf" > /dev/null << END
listen_addresses = ''
unix_socket_directories = '$work/home'
port = 5432
fsync = off
max_connections = 40
max_worker_processes = 16
shared_buffers = 64MB
log_line_prefix = '%m [%p] %a '
timezone = 'GMT'
log_timezone = 'GMT'
END
	fi
	if ! as_user env LD_LIBRARY_PATH="$libs" TZ=GMT "$pg/pg_ctl" -D "$server" -l "$work/home/server.log" -w -t 60 start > "$work/log/pg_ctl.log" 2>&1; then
		cat "$work/log/pg_ctl.log" "$work/home/server.log" >> "$out/sql.log" 2> /dev/null
		row FAIL server "it did not start: $(grep -h FATAL "$work/home/server.log" 2> /dev/null | tail -n 1)"
		server=
		return 1
	fi
}

stop_server()
{
	[ -z "$server" ] || as_user env LD_LIBRARY_PATH="$libs" timeout -k 5 20 "$pg/pg_ctl" -D "$server" -m immediate -w stop > /dev/null 2>&1
	server=
}

# All there are, those of the Perl tests too, without waiting for a hung one.
stop_servers()
{
	local file files i=0

	files=("$work/home/data/postmaster.pid" "$work"/home/tap/*/*/pgdata/postmaster.pid)
	# immediately; a postmaster that is killed instead leaves shared memory behind
	for file in "${files[@]}"; do
		[ ! -s "$file" ] || kill -QUIT "$(head -n 1 "$file")" 2> /dev/null
	done
	# the file goes first: a process that nobody waits for stays a zombie
	for file in "${files[@]}"; do
		while [ -s "$file" ] && kill -0 "$(head -n 1 "$file")" 2> /dev/null && [ $((i++)) -lt 60 ]; do
			sleep 0.1
		done
	done
}

# What was started from here has $work in its environment; PostgreSQL's processes write over theirs.
end_processes()
{
	local round list

	for round in 1 2 3; do
		list=$({
			timeout -k 1 10 grep -l -s -a -F -e "$1" /proc/[0-9]*/environ /proc/[0-9]*/cmdline
			ls -l /proc/[0-9]*/exe 2> /dev/null | grep -F -e "-> $1" | sed 's/ -> .*//; s|.* /|/|'
		} | cut -d / -f 3 | sort -u | grep -v -x -e "$$" -e "$BASHPID")
		[ -n "$list" ] || return
		kill -9 $list 2> /dev/null
	done
}
