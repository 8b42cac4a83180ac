#!/usr/bin/env bash
# Profiles the benchmark's server under what servers do most, and leaves the profile where
# go build finds it: beside the benchmark's server and the example. Nothing else should
# run meanwhile. It takes two minutes.
#
#   scripts/pgo.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
seconds=${1:-8}
dir=$(mktemp -d)
pid= load=
cleanup() {
	for p in $pid $load; do kill "$p" 2>/dev/null || true; done
	rm -rf "$dir"
}
trap cleanup EXIT

scripts/need.sh curl
$go build -o "$dir/sio-bench" ./cmd/sio-bench
(cd bench/peers && $go build -pgo=off -o "$dir/server" ./sio)

# profile NAME SERVER-FLAGS SCENARIO FLAGS…
profile() {
	local name=$1 flags=$2 scenario=$3
	shift 3
	# shellcheck disable=SC2086
	"$dir/server" -for 5m -pprof 127.0.0.1:0 $flags >"$dir/said" 2>&1 &
	pid=$!
	for _ in $(seq 100); do grep -q ^listening "$dir/said" && break || sleep 0.1; done
	local url pprof
	url=$(sed -n 's/^listening //p' "$dir/said")
	pprof=$(sed -n 's/^pprof //p' "$dir/said")
	[ -n "$url" ] && [ -n "$pprof" ] || { echo "the server does not listen:" >&2 && cat "$dir/said" >&2 && exit 1; }
	"$dir/sio-bench" "$scenario" "$url" "$@" --pid "$pid" -q -d "$((seconds + 4))s" >"$dir/$name.txt" &
	load=$!
	sleep 2
	curl -sSf -o "$dir/$name.prof" "$pprof/debug/pprof/profile?seconds=$seconds"
	wait "$load" || { echo "$name: the load had errors:" >&2 && cat "$dir/$name.txt" >&2 && exit 1; }
	load=
	kill "$pid"
	wait "$pid" || true
	pid=
	echo "$name: $(grep -m1 'CPU per' "$dir/$name.txt" || true)"
}

profile echo "" echo -c 100
profile deep "" echo -c 100 --depth 16
profile serial "-serial" echo -c 100 --depth 16
profile ack "" echo --ack -c 100 --depth 4
profile object "" echo --object -c 100
profile binary "" echo --binary --size 1024 -c 100
profile polling "" echo -t polling -c 100 --depth 4
profile broadcast "" broadcast -c 1000 --in-flight 4
profile rooms "" rooms -c 2000 --rooms 200
profile connect "" connect

$go tool pprof -proto -output "$dir/all.pgo" "$dir"/*.prof >"$dir/merged" 2>&1 || { cat "$dir/merged" >&2 && exit 1; }
for to in bench/peers/sio examples/chat; do
	cp "$dir/all.pgo" "$to/default.pgo"
done
ls -l bench/peers/sio/default.pgo
