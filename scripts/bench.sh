#!/usr/bin/env bash
# Measures sio, Node's socket.io and bare gnet side by side, interleaved, and leaves tables
# and all results in bin/bench. Nothing else should run meanwhile.
#
#   scripts/bench.sh [events|memory] [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all} rounds=${2:-}
out=bin/bench
mkdir -p "$out"

go build -o bin/sio-bench ./cmd/sio-bench
(cd bench/peers && go build -o ../../bin/peer-sio ./sio && go build -o ../../bin/peer-baregnet ./baregnet)
[ -d bench/peers/node/node_modules/socket.io ] || npm ci --prefix bench/peers/node --no-audit --no-fund --loglevel=error

for p in events memory; do
	[ "$part" = all ] || [ "$part" = $p ] || continue
	echo "$p"
	bin/sio-bench matrix --plan bench/peers/$p.json ${rounds:+--rounds "$rounds"} --markdown "$out/$p.md" --json "$out/$p.json"
	cat "$out/$p.md"
done
