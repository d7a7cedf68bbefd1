#!/bin/sh
# Install what mtrq needs on this machine and is not there yet. Safe to repeat: with nothing missing it looks
# for a few programs on the PATH, says nothing and ends in milliseconds.
set -eu

usage() {
	cat <<'EOF'
usage: tools/setup.sh [--dry-run] run|test

  run    what a node needs: mtr-packet
  test   what the tests need as well: other tools to compare with, shells, namespaces, a browser with a Chinese
         font, and (by npm, into tools/browser) the rules that it checks the pages by

Installs by apt-get where there is one (through sudo for a user who is not root). Elsewhere it prints the
command that installs the rest, and ends with 69.

exit: 0 nothing is missing (any more), 64 usage, 69 no apt-get here, 77 neither root nor sudo, 1 apt-get failed
EOF
}

dry=
for arg; do
	case $arg in
	-h | --help) usage && exit 0 ;;
	-n | --dry-run) dry=yes && shift ;;
	*) break ;;
	esac
done
if [ $# -ne 1 ]; then
	usage >&2
	exit 64
fi

# Where npm's part is; nowhere, where this script stands alone.
case $0 in */*) npm=${0%/*}/browser ;; *) npm=browser ;; esac
[ -f "$npm/package-lock.json" ] || npm=

# A user's PATH on Debian lacks the directories where ip, nft and tc are.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# A line for each program: program, then its package in Debian and Ubuntu, Fedora and RHEL, Alpine, Arch. "font:zh"
# is any font that has Chinese.
needs_run='
mtr-packet  mtr-tiny    mtr          mtr          mtr
'
needs_test='
bash        bash        bash         bash         bash
busybox     busybox     busybox      busybox      busybox
chromium    chromium    chromium     chromium     chromium
curl        curl        curl         curl         curl
dash        dash        dash         dash         dash
fc-list     fontconfig  fontconfig   fontconfig   fontconfig
font:zh     fonts-droid-fallback google-droid-sans-fonts font-noto-cjk noto-fonts-cjk
fping       fping       fping        fping        fping
gcc         gcc         gcc          build-base   gcc
getcap      libcap2-bin libcap       libcap-utils libcap
ip          iproute2    iproute      iproute2     iproute2
mkfs.btrfs  btrfs-progs btrfs-progs  btrfs-progs  btrfs-progs
mkfs.ext4   e2fsprogs   e2fsprogs    e2fsprogs    e2fsprogs
mkfs.xfs    xfsprogs    xfsprogs     xfsprogs     xfsprogs
mount       mount       util-linux   mount        util-linux
nft         nftables    nftables     nftables     nftables
npm         npm         npm          npm          npm
nsenter     util-linux  util-linux   util-linux   util-linux
setcap      libcap2-bin libcap       libcap-utils libcap
setpriv     util-linux  util-linux   setpriv      util-linux
shellcheck  shellcheck  ShellCheck   shellcheck   shellcheck
strace      strace      strace       strace       strace
systemd-analyze  systemd systemd     -            systemd
sysctl      procps      procps-ng    procps       procps-ng
traceroute  traceroute  traceroute   traceroute   traceroute
unshare     util-linux  util-linux   util-linux   util-linux
'
case $1 in
run) needs=$needs_run ;;
test) needs=$needs_run$needs_test ;;
*)
	usage >&2
	exit 64
	;;
esac

# missing COLUMN: the packages of that column whose program is not here, each once.
missing() {
	echo "$needs" | while read -r program debian fedora alpine arch; do
		[ -n "$program" ] || continue
		case $program in
		font:*) [ -z "$(fc-list ":lang=${program#font:}" 2>/dev/null)" ] || continue ;;
		*) command -v "$program" >/dev/null 2>&1 && continue ;;
		esac
		case $1 in
		programs) echo "$program" ;;
		debian) echo "$debian" ;;
		fedora) echo "$fedora" ;;
		alpine) echo "$alpine" ;;
		arch) echo "$arch" ;;
		esac
	done | grep -vx -e - | sort -u | tr '\n' ' ' | sed 's/ $//'
}

# modules: what npm keeps, as tools/browser/package-lock.json names it, for the tests of the pages.
modules() {
	[ "$1" = test ] && [ -n "$npm" ] || return 0
	if cmp -s "$npm/package-lock.json" "$npm/node_modules/.setup"; then return 0; fi
	if [ -n "$dry" ]; then
		echo "setup: would install by npm: what $npm/package-lock.json names"
		return 0
	fi
	echo "setup: installing with npm what $npm/package-lock.json names" >&2
	npm --prefix "$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || return 1
	cp "$npm/package-lock.json" "$npm/node_modules/.setup"
}

programs=$(missing programs)
if [ -z "$programs" ]; then
	modules "$1" || exit 1
	exit 0
fi
echo "setup: missing here: $programs" >&2

if ! command -v apt-get >/dev/null 2>&1; then
	echo "setup: there is no apt-get; install them and start again:" >&2
	if command -v dnf >/dev/null 2>&1; then
		echo "    dnf install $(missing fedora)" >&2
	elif command -v apk >/dev/null 2>&1; then
		echo "    apk add $(missing alpine)" >&2
	elif command -v pacman >/dev/null 2>&1; then
		echo "    pacman -S --needed $(missing arch)" >&2
	elif [ "$(uname -s)" != Linux ]; then
		echo "    mtrq runs on Linux only; on $(uname -s), use a Linux machine or container" >&2
	else
		echo "    the packages that hold: $programs" >&2
	fi
	exit 69
fi

packages=$(missing debian)
if [ -n "$dry" ]; then
	echo "setup: would install: $packages"
	modules "$1"
	exit 0
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "setup: neither root nor sudo; as root: apt-get install $packages" >&2
		exit 77
	fi
	sudo='sudo'
fi

# install: $packages and $sudo are lists of words by intent. A fresh image has no package lists yet, hence the
# second try after an update.
install() {
	# shellcheck disable=SC2086
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages
}
echo "setup: installing with apt-get: $packages" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install >"$log" 2>&1; then
	if ! { $sudo apt-get update -q && install; } >"$log" 2>&1; then
		cat "$log" >&2
		echo "setup: apt-get could not install: $packages" >&2
		exit 1
	fi
fi

programs=$(missing programs)
if [ -n "$programs" ]; then
	echo "setup: still missing after the installation: $programs" >&2
	exit 1
fi
modules "$1" || exit 1
