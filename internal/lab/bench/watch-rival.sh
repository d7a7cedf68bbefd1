#!/bin/sh
# The script that mtrq is measured against: fping each second, and an mtr of
# a target when it misses a ping, unless one is running.
#
#   watch-rival.sh LIST DIR
#
# DIR/run/TARGET is there while an mtr runs, DIR/TARGET.N.json is what the
# N-th mtr of all has found.
set -u
list=$1 dir=$2 n=0
mkdir -p "$dir/run" || exit 1
fping -l -p 1000 -t 250 -i 5 -f "$list" 2>"$dir/fping.err" | while read -r target _ _ said _; do
	# "203.0.113.7 : [12], timed out (0.31 avg, 7% loss)"
	if [ "$said" != timed ] || [ -e "$dir/run/$target" ]; then
		continue
	fi
	n=$((n + 1))
	: >"$dir/run/$target"
	{
		mtr -n --json -c 30 -i 0.3 -G 1 "$target" >"$dir/$target.$n.json"
		rm -f "$dir/run/$target"
	} &
done
