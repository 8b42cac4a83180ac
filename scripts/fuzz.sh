#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given, one after another. It ends
# with a line that counts them.
set -uo pipefail
cd "$(dirname "$0")/.."
time=${1:-3s}
go=${GO:-go}
passed=0 failed=0

for dir in $($go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go 2>/dev/null | sed 's/^func //'); do
		out=$($go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir" 2>&1)
		status=$?
		if [ $status -ne 0 ] && ! grep -q 'Failing input\|--- FAIL.*/' <<<"$out" && grep -q 'context deadline exceeded' <<<"$out"; then
			# The go command ends a fuzz run by a deadline, and on a busy machine now and then
			# takes its own deadline for a failure. There is no failing input then: once more.
			out=$($go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$dir" 2>&1)
			status=$?
		fi
		if [ $status -eq 0 ] && ! grep -q 'execs: [1-9]' <<<"$out"; then
			# All the time went into what is known already, as it does for a target with many seeds.
			out=$($go test -run '^$' -fuzz "^$target\$" -fuzztime 20s "$dir" 2>&1)
			status=$?
			grep -q 'execs: [1-9]' <<<"$out" || status=1
		fi
		if [ $status -eq 0 ]; then
			passed=$((passed + 1))
			echo "ok    $target ($(sed -n 's/.*execs: \([0-9]*\).*/\1/p' <<<"$out" | tail -n 1) inputs)"
		else
			failed=$((failed + 1))
			echo "$out"
			echo "FAIL  $target"
		fi
	done
done
echo "fuzz: $passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
