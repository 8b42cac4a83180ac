#!/usr/bin/env bash
# Runs the benchmarks of the rooms (codec, broadcast, session, loop, root and what is beside
# them) and compares them with the last release's, which are in bench/results/micro.txt.
#
#   scripts/micro.sh compare     what has changed, by benchstat; exit code 1 if a benchmark
#                                allocates more. Time is shown and not judged: it is the
#                                machine's and the hour's as well
#   scripts/micro.sh baseline    write that file anew, from what is checked out
#
# COUNT (6) and BENCHTIME (100ms) make it longer; it takes some five minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
kept=bench/results/micro.txt

# Not among them: what measures memory by itself, and is no time of anything.
run() {
	$go test -run '^$' -bench . -skip '^BenchmarkTLSIdle$' -benchtime "${BENCHTIME:-100ms}" -count "${COUNT:-6}" -cpu 2 -benchmem \
		./codec/... ./broadcast ./session ./loop ./internal/... ./siotest . | grep -v '^\(PASS\|ok\|?\)' | sed 's/ *$//'
}

# grown says which benchmarks allocate more in every run of the second file than in any of
# the first, by a tenth at least where there are ten and more: what is allocated once is
# shared by fewer turns on a slower machine. It fails if there are some.
grown() { # BEFORE AFTER
	awk '
		/^pkg: / { pkg = $2 }
		/^Benchmark/ {
			for (i = 3; i <= NF; i++) if ($i == "allocs/op") {
				name = pkg " " $1
				n = $(i-1) + 0
				if (FNR == NR) { if (!(name in most) || n > most[name]) most[name] = n }
				else if (!(name in least) || n < least[name]) least[name] = n
			}
		}
		END {
			for (name in least) if (name in most && least[name] > int(most[name] * 1.1)) {
				printf "allocates more: %s: %d, was %d\n", name, least[name], most[name] | "sort"
				bad = 1
			}
			close("sort")
			exit bad
		}' "$1" "$2"
}

case ${1:-} in
baseline)
	new=$(mktemp)
	trap 'rm -f "$new"' EXIT
	{
		echo "# $(git describe --always --dirty), $(date -u +%F), $($go env GOVERSION), $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo unknown) at the start"
		run
	} >"$new"
	cp "$new" "$kept"
	chmod 644 "$kept"
	;;
compare)
	mkdir -p bin
	head -1 "$kept"
	run >bin/micro.txt
	$go run $benchstat -table pkg -ignore cpu "$kept" bin/micro.txt
	grown "$kept" bin/micro.txt
	;;
*)
	sed -n 's/^# \{0,1\}//p' "$0" | sed '1d;/^Not among/,$d' >&2
	exit 2
	;;
esac
