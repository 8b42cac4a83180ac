#!/usr/bin/env bash
# Makes sure that the programs named are there. What is missing is installed from Debian's
# packages where that is possible (as root, with apt-get), and otherwise named with what to
# do about it.
set -uo pipefail

have() {
	case $1 in
	chromium) [ -n "${CHROMIUM:-}" ] && [ -x "$CHROMIUM" ] || command -v chromium >/dev/null ;;
	python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

missing=()
for p in "$@"; do
	have "$p" || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0

packages=()
for p in "${missing[@]}"; do
	case $p in
	node) packages+=(nodejs) ;;
	javac) packages+=(default-jdk-headless) ;;
	*) packages+=("$p") ;;
	esac
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing ${packages[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
status=0
for p in "${missing[@]}"; do
	if ! have "$p"; then
		status=1
		echo "missing: $p. On Debian: apt-get install ${packages[*]}"
		[ "$p" = cargo ] && echo "Cargo 1.85 or later is needed; Debian before 13 has an older one: see https://rustup.rs."
		[ "$p" = chromium ] && echo "A Chromium elsewhere can be named by CHROMIUM=/path/to/chromium."
	fi
done
exit $status
