#
# setup.sh
#	  What test/run and test/demo.sh share: packages, the build, a private server.  Sourced by bash.
#
#	  setup_packages tests|demo   installs what is missing, or says what is
#	  setup_work                  a directory that the server's user owns: $work, gone at exit
#	  setup_build                 make
#	  setup_tree                  a private PostgreSQL with pgtorch in it: $tree (its bin directory)
#	  setup_server                a server on it: $PGHOST, $PGPORT, stopped at exit
#	  as_server COMMAND...        runs as the server's user: postgres when we are root
#
# Nothing outside $work and the build directory changes, save packages that apt installs.
#
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
server_user=$(id -un)
[ "$(id -u)" -eq 0 ] && server_user=postgres
work=
server=

die()
{
	echo "$*" >&2
	exit 1
}

# ---------------------------------------------------------------------------
# Packages
# ---------------------------------------------------------------------------

# The major version of PostgreSQL to use: pg_config's, else the newest installed, else the system's own.
postgres_version()
{
	local v

	v=$("${PG_CONFIG:-pg_config}" --version 2> /dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
	[ -n "$v" ] || v=$(ls /usr/lib/postgresql 2> /dev/null | grep -E '^[0-9]+$' | sort -n | tail -n 1)
	[ -n "$v" ] || v=$(apt-cache depends postgresql 2> /dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
	echo "${v:-15}"
}

# What is needed and not there, as Debian packages.  $1: tests or demo.
missing_packages()
{
	local version bin

	version=$(postgres_version)
	command -v "${CC:-gcc}" > /dev/null || echo gcc
	[ -e /usr/include/stdio.h ] || echo libc6-dev
	command -v make > /dev/null || echo make
	if command -v "${PG_CONFIG:-pg_config}" > /dev/null; then
		bin=$("${PG_CONFIG:-pg_config}" --bindir)
		[ -x "$bin/postgres" ] || echo "postgresql-$version"
		[ -e "$("${PG_CONFIG:-pg_config}" --includedir-server)/postgres.h" ] || echo "postgresql-server-dev-$version"
	else
		echo "postgresql-$version postgresql-server-dev-$version"
	fi
	ldconfig -p 2> /dev/null | grep -q libopenblas.so || echo libopenblas0-pthread
	if [ "$1" = tests ]; then
		command -v prove > /dev/null || echo perl
		perl -MIPC::Run -e 1 2> /dev/null || echo libipc-run-perl
		# for the device "cuda" and its stand-in
		command -v "${CXX:-g++}" > /dev/null || echo g++
	fi
}

setup_packages()
{
	local need dropin=/etc/postgresql-common/createcluster.d/pgtorch-setup.conf

	need=$(missing_packages "$1" | tr '\n' ' ')
	if [ -n "$need" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
		apt-get -qq update || die "apt-get update failed"
		# again: the version may only now be known
		need=$(missing_packages "$1" | tr '\n' ' ')
		echo "installing: $need"
		# we make our own server: no cluster, nothing started
		if [ ! -d /etc/postgresql-common ] || [ -z "$(ls /etc/postgresql 2> /dev/null)" ]; then
			mkdir -p "$(dirname "$dropin")"
			echo "create_main_cluster = false" > "$dropin"
		fi
		# shellcheck disable=SC2086
		DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -y --no-install-recommends install $need \
			> "${TMPDIR:-/tmp}/pgtorch-apt.$$" 2>&1 || {
			tail -n 40 "${TMPDIR:-/tmp}/pgtorch-apt.$$" >&2
			rm -f "$dropin" "${TMPDIR:-/tmp}/pgtorch-apt.$$"
			die "apt-get install failed: $need"
		}
		rm -f "$dropin" "${TMPDIR:-/tmp}/pgtorch-apt.$$"
		hash -r
		need=$(missing_packages "$1" | tr '\n' ' ')
		[ -z "$need" ] || die "still missing after apt-get install: $need"
	elif [ -n "$need" ]; then
		echo "These packages (Debian's and Ubuntu's names) are missing: $need" >&2
		die "Install them with:  sudo apt-get install $need"
	fi
	[ -e /proc/self/status ] || die "/proc is not mounted: PostgreSQL's tests and pgtorch read it (mount -t proc proc /proc)"
	if [ "$server_user" = postgres ]; then
		getent passwd postgres > /dev/null || die "PostgreSQL does not run as root, and there is no user postgres"
		command -v runuser > /dev/null || die "PostgreSQL does not run as root, and there is no runuser (package util-linux)"
	fi
	PG_CONFIG=${PG_CONFIG:-pg_config}
	export PG_CONFIG
}

# ---------------------------------------------------------------------------
# Build, private tree, server
# ---------------------------------------------------------------------------

as_server()
{
	if [ "$server_user" = "$(id -un)" ]; then
		(cd "$work" && "$@")
	else
		(cd "$work" && runuser -u "$server_user" -- env HOME="$work" "$@")
	fi
}

setup_work()
{
	# short: the name of a Unix socket has 107 bytes
	work=$(mktemp -d "${TMPDIR:-/tmp}/pgtorch.XXXXXX") || die "no temporary directory"
	trap 'setup_end' EXIT
	trap 'exit 130' INT TERM HUP
	chmod 755 "$work"
	[ "$server_user" = "$(id -un)" ] || chown "$server_user" "$work"
}

setup_end()
{
	local status=$?

	trap - EXIT
	[ -z "$server" ] || as_server "$tree/pg_ctl" -D "$server" -m immediate stop > /dev/null 2>&1
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $work"
	else
		rm -rf "$work"
	fi
	exit "$status"
}

# In the current directory: the source tree, or where the caller builds outside it.
run_make()
{
	"${MAKE:-make}" --no-print-directory -f "$top/Makefile" "$@"
}

setup_build()
{
	local log=$work/make.log

	[ -f pgtorch.so ] || [ -d build ] || [ "$PWD" = "$top" ] || [ -z "$(ls)" ] ||
		die "run this in $top, or in an empty directory to build there"
	run_make -j"$(nproc)" all > "$log" 2>&1 || {
		grep -E -A 5 'error:|warning:|Error [0-9]|\*\*\*' "$log" | grep -v -E '^  [A-Z]+ ' | head -n 60
		die "make failed"
	}
}

setup_tree()
{
	tree=$("$top/test/pgtree" "$work/pg") || exit 1
	[ "$server_user" = "$(id -un)" ] || chown -R "$server_user" "$work"
	export PATH="$tree:$PATH"
}

# The server of regress, isolation and demo.  $1: extra lines of postgresql.conf
setup_server()
{
	# what the caller's environment says about servers is not meant for this one
	unset PGDATABASE PGUSER PGPASSWORD PGSERVICE PGSSLMODE PGOPTIONS PGHOSTADDR PGDATA
	as_server "$tree/initdb" -D "$work/data" -U "$server_user" -A trust -N -E UTF8 --locale=C \
		> "$work/initdb.log" 2>&1 || {
		cat "$work/initdb.log" >&2
		die "initdb failed"
	}
	cat >> "$work/data/postgresql.conf" <<EOF
listen_addresses = ''
unix_socket_directories = '$work'
port = 5432
fsync = off
max_connections = 40
max_worker_processes = 16
shared_buffers = 64MB
log_line_prefix = '%m [%p] %a '
timezone = 'UTC'
${1:-}
EOF
	as_server "$tree/pg_ctl" -D "$work/data" -l "$work/server.log" -w -t 60 start > "$work/pg_ctl.log" 2>&1 || {
		cat "$work/pg_ctl.log" "$work/server.log" >&2
		die "the private server did not start"
	}
	server=$work/data
	export PGHOST=$work PGPORT=5432 PGUSER=$server_user
}
