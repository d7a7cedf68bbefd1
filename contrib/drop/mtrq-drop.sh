#!/bin/sh
# Asks mtrq for a trace by dropping a file into its drop/ directory: no HTTP, no mtrq binary, any POSIX shell.
# Copy it, or copy the recipe (the numbered lines); what each step is for stands beside it.
set -eu

usage() {
	cat <<'EOF'
usage: mtrq-drop [-d DIR] [-r REASON] [-e EVENT] [-t KEY=VALUE]... [-p icmp|udp|tcp] TARGET...

  -d DIR         the drop directory (default $MTRQ_DROP, else /var/spool/mtrq/drop)
  -r REASON      why, in your words
  -e EVENT       your own reference, for instance the number of an alarm
  -t KEY=VALUE   a tag that stays with the report; may be repeated
  -p PROTOCOL    what the probes are (default icmp)

Prints the name of each file it dropped; mtrq keeps that as sent_as. Needs membership of the group mtrq-drop.
exit: 0 done, 64 usage, 65 a value that no job may have, 69 no such directory, 73 cannot create, 74 not durable,
      77 no permission
EOF
}

die() { # die CODE WORDS
	code=$1
	shift
	printf 'mtrq-drop: %s\n' "$*" >&2
	exit "$code"
}

# quoted VALUE: a TOML literal string. It has no escapes at all, so nothing in it can mean anything; in return it
# cannot hold a quote or a line break, and those are refused rather than bent.
quoted() {
	case $1 in
	*\'*) die 65 "a value may not hold a single quote: $1" ;;
	esac
	if printf %s "$1" | LC_ALL=C grep -q '[[:cntrl:]]' || [ "$(printf %s "$1" | wc -l)" -ne 0 ]; then
		die 65 "a value may not hold control characters or line breaks"
	fi
	printf "'%s'" "$1"
}

dir=${MTRQ_DROP:-/var/spool/mtrq/drop}
job=
tags=
newline='
'
# A die inside $(…) ends only that; the assignment passes its code on, and set -e ends the script with it, as long as
# the assignment stands alone: before && it would not.
while getopts d:r:e:t:p:h option; do
	case $option in
	d) dir=$OPTARG ;;
	r)
		value=$(quoted "$OPTARG")
		job="${job}reason = $value$newline"
		;;
	e)
		value=$(quoted "$OPTARG")
		job="${job}event = $value$newline"
		;;
	p)
		case $OPTARG in
		icmp | udp | tcp) job="${job}protocol = '$OPTARG'$newline" ;;
		*) die 64 "the protocol is icmp, udp or tcp, not $OPTARG" ;;
		esac
		;;
	t)
		key=${OPTARG%%=*}
		[ "$key" != "$OPTARG" ] || die 64 "a tag is KEY=VALUE, not $OPTARG"
		case $key in
		'' | *[!A-Za-z0-9_.-]*) die 65 "a tag's key is made of A-Z a-z 0-9 _ . -, not $key" ;;
		esac
		value=$(quoted "${OPTARG#*=}")
		tags="$tags'$key' = $value$newline"
		;;
	h) usage && exit 0 ;;
	*) usage >&2 && exit 64 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2 && exit 64; }

# All or nothing on what can be known beforehand.
for target; do
	case $target in
	'' | -* | *[!A-Za-z0-9_.:-]*) die 65 "not an address or a host name: $target" ;;
	esac
done
[ -d "$dir" ] || die 69 "there is no directory $dir (is mtrq installed? else name it: -d DIR)"
if [ ! -w "$dir" ] || [ ! -x "$dir" ]; then
	die 77 "no permission to write into $dir (join its group: usermod -aG mtrq-drop $(id -un))"
fi

# A sync that takes names (GNU, newer busybox) tells of their errors. One that takes none writes everything back and
# tells nothing: with it a job is safe against everything but a power cut in the next seconds, and a failing disk.
# Which it is its help says: asking it with a file would take a failing disk for an old sync.
names=no
if sync --help 2>&1 | grep -q FILE; then names=yes; fi

durable() { # durable FILE WORDS
	if [ "$names" = yes ]; then
		sync "$1" || die 74 "cannot make $1 durable (see dmesg): $2"
	else
		sync
	fi
}

# mtrq must be able to read what we leave. 1 of 5: no more than the group needs.
umask 0027
temporary=
trap '[ -z "$temporary" ] || rm -f "$temporary"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for target; do
	# 2 of 5: a hidden name in drop/ itself. mtrq ignores it there, and only within one directory is a rename both
	# atomic and sure to stay on one filesystem. mktemp also makes sure that nobody has the name yet.
	temporary=$(mktemp "$dir/.mtrq-drop.XXXXXX") || die 73 "cannot create a file in $dir"

	# 3 of 5: the whole job, and then the right to read it (mktemp always makes 0600).
	{
		printf "target = '%s'\n%s" "$target" "$job" && { [ -z "$tags" ] || printf '[tags]\n%s' "$tags"; }
	} >"$temporary" || die 73 "cannot write $temporary (disk full?)"
	chmod 0640 "$temporary" || die 73 "cannot chmod $temporary"

	# 4 of 5: durable before visible.
	durable "$temporary" "no trace is asked for"

	# 5 of 5: visible, whole, in one step. The name must not begin with a dot; -n never replaces another's job.
	name=${temporary##*/.}.toml
	mv -n "$temporary" "$dir/$name" || die 73 "cannot rename $temporary"
	[ ! -e "$temporary" ] || die 73 "$dir/$name exists already; try again"
	temporary=
	durable "$dir" "$name lies there and may be traced all the same; a power cut may undo it"
	printf '%s\n' "$name"
done
