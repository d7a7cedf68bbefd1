#!/bin/bash
# `make run`: a node on this machine, one real trace before your eyes, then its report and its page. Everything it keeps is in
# one directory of its own, and what it started ends with it.
#
#   TARGET=name   trace this          LAB=1    trace in a private network that this machine makes for itself
#   ONCE=1        end after the report, instead of serving the page until Ctrl-C
set -euo pipefail
cd "$(dirname "$0")/.."

# MTRQ_DEMO_DIR is for tests, which share nothing with a demo that is running.
dir=${MTRQ_DEMO_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/mtrq-demo}
pids=()
ending=

say() { printf '%s\n' "$*" >&2; }
die() {
	say "make run: $*"
	exit 1
}

finish() {
	ending=yes
	trap '' INT TERM
	local pid
	for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# background LOG COMMAND...: started in a process group of its own, so that Ctrl-C comes to this script alone, which
# then ends the others in order.
background() {
	local log=$1
	shift
	set -m
	"$@" </dev/null >"$log" 2>&1 &
	set +m
	pids+=($!)
}

# until_ready WHAT PID LOG COMMAND...: polls, because a program that has just been started cannot be waited for otherwise.
until_ready() {
	local what=$1 pid=$2 log=$3 i
	shift 3
	for ((i = 0; i < 100; i++)); do
		if "$@" >/dev/null 2>&1; then return 0; fi
		if ! kill -0 "$pid" 2>/dev/null; then break; fi
		sleep 0.1
	done
	say "make run: $what did not start; it said:"
	tail -n 20 "$log" >&2
	exit 1
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# lab_possible: root, or a user who may make user namespaces and open the TUN device in one.
lab_possible() { [ "$(id -u)" -eq 0 ] || { [ -w /dev/net/tun ] && unshare --user --net true 2>/dev/null; }; }

# may_probe: mtr-packet can open its sockets as this user. It ends at once when it cannot.
may_probe() { echo '1 check-support feature version' | mtr-packet 2>/dev/null | grep -q ' feature-support '; }

target=${TARGET-}
lab=${LAB-}
[ "$lab" != 0 ] || lab=
if [ -n "$lab" ] && [ -n "$target" ]; then die "LAB=1 has targets of its own; leave TARGET out"; fi
if [ -z "$lab" ] && [ -z "$target" ]; then
	if timeout 3 getent hosts one.one.one.one >/dev/null 2>&1; then
		target=one.one.one.one
	else
		lab=1
		say "No network here (no name resolves): the trace is made in a private one."
	fi
fi
if [ -n "$lab" ]; then
	lab_possible || die "a private network needs root, or unprivileged user namespaces and a readable /dev/net/tun: sudo make run LAB=1"
	go build -o bin/mtrq-lab ./internal/lab/mtrq-lab
elif ! may_probe; then
	die "mtr-packet may not send probes as this user; as root: setcap cap_net_raw+ep $(command -v mtr-packet)"
fi

mkdir -p "$dir"
exec 9>"$dir/lock"
flock -n 9 || die "another make run is using $dir"
port=8081
while listening "$port"; do
	port=$((port + 1))
	[ "$port" -le 8099 ] || die "all ports from 8081 to 8099 are in use"
done
[ "$port" -eq 8081 ] || say "Port 8081 is in use; this one listens on $port."

# Its own file, so that a node which is installed here is neither read nor disturbed.
config=$dir/config.toml
cat >"$config" <<EOF
[spool]
dir = "$dir/spool"

[archive]
dir = "$dir/archive"
cache_dir = "$dir/cache"

[serve]
listen = ["127.0.0.1:$port"]
EOF
export MTRQ_CONFIG=$config
unset MTRQ_SPOOL MTRQ_ARCHIVE
mtrq=$PWD/bin/mtrq
url=http://127.0.0.1:$port

# The lock on descriptor 9 stays with this script (9>&-), or a child that outlives it would hold it.
rm -f "$dir/target" "$dir/spool/state/run.json"
if [ -n "$lab" ]; then
	# run lives inside the private network and serve outside, where your browser is: they share two directories and no socket.
	# shellcheck disable=SC2016 # expands inside
	background "$dir/run.log" bin/mtrq-lab --targets 20 --event '5s loss ttl=6 forward 40% for 10s' -- \
		sh -c 'printf %s "$MTRQ_LAB_TARGET" >"$1/target.new" && mv "$1/target.new" "$1/target" && exec "$2" run' sh "$dir" "$mtrq" 9>&-
else
	background "$dir/run.log" "$mtrq" run 9>&-
fi
until_ready 'mtrq run' "${pids[0]}" "$dir/run.log" test -s "$dir/spool/state/run.json"
background "$dir/serve.log" "$mtrq" serve 9>&-
until_ready 'mtrq serve' "${pids[1]}" "$dir/serve.log" listening "$port"
[ -z "$lab" ] || target=$(cat "$dir/target")

what="live, for about 20 s"
[ -z "$lab" ] || what="$what; the link to its sixth hop is about to lose 40 % for ten seconds"
say "Tracing $target, $what:"
say ""
"$mtrq" enqueue --wait --reason 'make run' "$target"
id=$("$mtrq" list --since 10m --json | grep -o '"id": *"[0-9A-Z]*"' | cut -d '"' -f 4 | sort | tail -n 1) # the newest

say ""
say "This report   $url/r/$id"
say "All of them   $url/      (files: $dir/archive)"
say "Ask for one   curl '$url/api/mtr?ip=$target'"
if [ -n "${ONCE-}" ] && [ "${ONCE-}" != 0 ]; then exit 0; fi
say "Ctrl-C ends it."
wait -n "${pids[@]}" || true
[ -n "$ending" ] || die "a part of the node ended by itself; see $dir/run.log and $dir/serve.log"
