#!/usr/bin/env bash
# Measures sio beside other servers, suite by suite (bench/peers/SUITE.json), and writes
# BENCHMARKS.md out of what came out. Nothing else should run meanwhile.
#
#   scripts/bench.sh [--rounds N | --resume | --repeat] [SUITE…]    default: all suites
#
#   --rounds N  other rounds than the suites have; results stay in bin/bench, the page is
#               not written
#   --resume    go on with suites that were interrupted
#   --repeat    run what bench/results has once more, and say what it bears out; exit code
#               4 if a ratio is not
set -euo pipefail
cd "$(dirname "$0")/.."
out=bin/bench rounds= how=new suites=()
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2 && shift ;;
	--resume | --repeat) how=${1#--} ;;
	-*) echo "unknown option $1" >&2 && exit 2 ;;
	*) suites+=("$1") ;;
	esac
	shift
done
[ ${#suites[@]} -gt 0 ] || suites=(events memory heartbeat cycles others)
mkdir -p "$out"

# Results name the revision, whatever GOFLAGS says of that.
[ -z "$(git status --porcelain 2>/dev/null)" ] || echo "the checkout has changes: the results will say \"(modified)\" behind its revision" >&2
go build -buildvcs=auto -o bin/sio-bench ./cmd/sio-bench
scripts/peers.sh

# Errors that a run counted (1) and ratios that are not borne out (4) are told at the end;
# whatever else goes wrong ends it.
worst=0
for s in "${suites[@]}"; do
	echo "== $s"
	plan=(--plan "bench/peers/$s.json" ${rounds:+--rounds "$rounds"})
	target=$out/$s
	case $how in
	resume)
		if [ -e "$out/$s.json" ]; then
			grep -q '"interrupted": true' "$out/$s.json" || continue # it is done
			plan=(--resume "$out/$s.json" --plan "bench/peers/$s.json")
		fi
		;;
	repeat) plan=(--repeat-of "bench/results/$s.json" --plan "bench/peers/$s.json" ${rounds:+--rounds "$rounds"}) target=$out/$s-again ;;
	esac
	code=0
	bin/sio-bench matrix "${plan[@]}" --markdown "$target.md" --json "$target.json" || code=$?
	case $code in
	0) ;;
	1) worst=1 ;;
	4) [ $worst = 1 ] || worst=4 ;;
	*) exit $code ;;
	esac
done
if [ "$how" != repeat ] && [ -z "$rounds" ]; then
	for s in "${suites[@]}"; do set -- "$@" "$out/$s.json"; done
	[ ! -f bin/scale.json ] || set -- "$@" bin/scale.json # of make scale
	go run ./bench/benchmarks "$@"
fi
exit $worst
