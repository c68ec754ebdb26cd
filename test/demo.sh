#!/usr/bin/env bash
#
# demo.sh
#	  "make demo": test/demo.sql on a private server, each statement shown with what it gives.
#
# As root on Debian or Ubuntu, missing packages are installed first and the server runs as user
# postgres; otherwise missing packages are named.  Nothing stays but the build.
#
set -u
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

setup_packages demo
setup_work
echo "building ..."
setup_build
echo "starting a private PostgreSQL $(postgres_version) ..."
setup_tree
setup_server
cp "$top/test/demo.sql" "$top/test/data/digits.csv" "$work/"
chmod 644 "$work/demo.sql" "$work/digits.csv"

# comments and statements as they stand, for reading along
as_server env PGOPTIONS="-c client_min_messages=notice" timeout -k 10 600 \
	"$tree/psql" -X -d postgres -v ON_ERROR_STOP=1 -P pager=off --echo-all -f demo.sql | tee "$work/demo.out"
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ]; then
	tail -n 20 "$work/server.log" >&2
	die "the demo failed"
fi
grep '^ *accuracy ' "$work/demo.out" | tail -n 1 | sed 's/^ *//'
