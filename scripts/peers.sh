#!/usr/bin/env bash
# Builds the servers that sio is compared with into bin, and says which there are: their
# names, one a line, in bin/peers. What cannot be had here is left out, with one sentence
# why. bench/peers/README.md says how each is run.
#
#   scripts/peers.sh [NAME…]    default: all
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin/log
log=bin/log
have=()

# peer NAME builds one by the function build_NAME; its output is in bin/log/NAME.
wanted=" $* "
peer() {
	local name=$1
	[ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || return 0
	local start=$SECONDS
	if "build_$name" >"$log/$name" 2>&1; then
		have+=("$name")
		[ $((SECONDS - start)) -lt 10 ] || echo "$name: built in $((SECONDS - start)) s"
	else
		echo "$name: left out: $(why "$log/$name") ($log/$name has all)"
	fi
}

# why is the line of FILE that says most likely what went wrong.
why() { # FILE
	grep -m1 -iE '^(fatal|error|.* is not installed)|requires|ERROR' "$1" || grep -m1 . "$1" || echo "it said nothing"
}

need() { # COMMAND MESSAGE
	command -v "$1" >/dev/null || {
		echo "$2"
		return 1
	}
}

ours() { (cd bench/peers && go build -buildvcs=auto -o "../../bin/peer-$1" "./$1"); }

build_sio() { ours sio; }

build_baregnet() { ours baregnet; }

build_barewrite() {
	[ "$(uname -s)" = Linux ] || {
		echo "only Linux has epoll"
		return 1
	}
	ours barewrite
}

build_node() {
	need node "Node.js is not installed" && need npm "npm is not installed" || return
	[ bench/peers/node/node_modules/.package-lock.json -nt bench/peers/node/package-lock.json ] ||
		npm ci --prefix bench/peers/node --no-audit --no-fund --loglevel=error
}

# eiows compiles itself against the sources of the very Node that runs, which it clones
# from GitHub.
build_eiows() {
	build_node && need git "git is not installed" && need make "make is not installed" && need c++ "no C++ compiler is installed" || return
	local dir=bench/peers/node/eiows
	[ -n "$(find $dir/node_modules/eiows/dist -name '*.node' 2>/dev/null)" ] || {
		npm ci --prefix $dir --no-audit --no-fund --loglevel=error --foreground-scripts || {
			rm -rf $dir/node_modules
			return 1
		}
	}
	(cd $dir && node -e 'require("eiows").Server')
}

build_zishang() { (cd bench/peers/zishang && go build -buildvcs=auto -o ../../../bin/peer-zishang .); }

build_socketioxide() {
	need cargo "Cargo is not installed: see https://rustup.rs" || return
	cargo build --quiet --release --locked --manifest-path bench/peers/socketioxide/Cargo.toml &&
		cp bench/peers/socketioxide/target/release/sio-bench-peer-socketioxide bin/peer-socketioxide
}

build_python() {
	need python3 "Python 3 is not installed" || return
	local dir=bench/peers/python
	[ $dir/venv/installed -nt $dir/requirements.txt ] && return
	rm -rf $dir/venv
	python3 -m venv $dir/venv &&
		$dir/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $dir/requirements.txt &&
		$dir/venv/bin/python -m pip check --disable-pip-version-check &&
		touch $dir/venv/installed
}

peer sio
peer baregnet
peer barewrite
peer node
peer eiows
peer zishang
peer socketioxide
peer python

printf '%s\n' "${have[@]}" >bin/peers
echo "peers: ${have[*]}"
for name in "$@"; do
	[[ " ${have[*]} " == *" $name "* ]] || exit 1
done
