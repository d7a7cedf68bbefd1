#!/bin/sh
# Puts bin/mtrq and what a node needs beside it into DESTDIR, or removes that again; see the Makefile. A package is
# built with DESTDIR=… PREFIX=/usr; without DESTDIR it says what to do next instead of doing it.
set -eu
cd "$(dirname "$0")/.."

DESTDIR=${DESTDIR-}
PREFIX=${PREFIX:-/usr/local}
SYSCONFDIR=${SYSCONFDIR:-/etc}
root=$DESTDIR$PREFIX

# put MODE SOURCE TARGET: the units name the binary and the configuration where this installation has them.
put() {
	mkdir -p "$(dirname "$3")"
	sed -e "s|/usr/bin/mtrq|$PREFIX/bin/mtrq|g" -e "s|/etc/mtrq/|$SYSCONFDIR/mtrq/|g" "$2" >"$3.new"
	chmod "$1" "$3.new"
	mv -f "$3.new" "$3"
}

case ${1-} in
install)
	[ -x bin/mtrq ] || { echo "install: there is no bin/mtrq; run make build first" >&2 && exit 69; }
	mkdir -p "$root/bin"
	# By a rename: a running mtrq keeps its file, and writing into it would fail with "text file busy".
	cp bin/mtrq "$root/bin/.mtrq.new"
	chmod 0755 "$root/bin/.mtrq.new"
	mv -f "$root/bin/.mtrq.new" "$root/bin/mtrq"
	put 0644 contrib/systemd/mtrq-run.service "$root/lib/systemd/system/mtrq-run.service"
	put 0644 contrib/systemd/mtrq-serve.service "$root/lib/systemd/system/mtrq-serve.service"
	put 0644 contrib/systemd/mtrq-serve.socket "$root/lib/systemd/system/mtrq-serve.socket"
	put 0644 contrib/systemd/mtrq-prune.service "$root/lib/systemd/system/mtrq-prune.service"
	put 0644 contrib/systemd/mtrq-prune.timer "$root/lib/systemd/system/mtrq-prune.timer"
	put 0644 contrib/systemd/sysusers.conf "$root/lib/sysusers.d/mtrq.conf"
	put 0644 contrib/systemd/tmpfiles.conf "$root/lib/tmpfiles.d/mtrq.conf"
	put 0644 contrib/systemd/sysctl.conf "$root/lib/sysctl.d/60-mtrq.conf"
	put 0755 contrib/drop/mtrq-drop.sh "$root/bin/mtrq-drop"
	put 0644 LICENSE "$root/share/doc/mtrq/LICENSE"
	if [ -e config.example.toml ]; then
		put 0644 config.example.toml "$root/share/doc/mtrq/config.example.toml"
	fi
	# What an operator has written is never overwritten.
	if [ ! -e "$DESTDIR$SYSCONFDIR/mtrq/config.toml" ]; then
		put 0644 contrib/systemd/config.toml "$DESTDIR$SYSCONFDIR/mtrq/config.toml"
	fi
	if [ -z "$DESTDIR" ]; then
		cat <<EOF
mtrq is in $PREFIX/bin, its configuration in $SYSCONFDIR/mtrq/config.toml. Next, as root:

    tools/setup.sh run                            # mtr-packet, when it is not there
    systemd-sysusers && systemd-tmpfiles --create $PREFIX/lib/tmpfiles.d/mtrq.conf
    sysctl -p $PREFIX/lib/sysctl.d/60-mtrq.conf
    systemctl daemon-reload
    systemctl enable --now mtrq-run mtrq-serve mtrq-prune.timer
    mtrq check
EOF
	fi
	;;
uninstall)
	for file in bin/mtrq bin/mtrq-drop lib/systemd/system/mtrq-run.service lib/systemd/system/mtrq-serve.service \
		lib/systemd/system/mtrq-serve.socket lib/systemd/system/mtrq-prune.service lib/systemd/system/mtrq-prune.timer \
		lib/sysusers.d/mtrq.conf lib/tmpfiles.d/mtrq.conf lib/sysctl.d/60-mtrq.conf \
		share/doc/mtrq/LICENSE share/doc/mtrq/config.example.toml; do
		rm -f "$root/$file"
	done
	rmdir "$root/share/doc/mtrq" 2>/dev/null || true
	echo "left alone: $DESTDIR$SYSCONFDIR/mtrq, $DESTDIR/var/spool/mtrq, $DESTDIR/var/lib/mtrq, the user mtrq"
	;;
*)
	echo "usage: tools/install.sh install|uninstall (with DESTDIR, PREFIX, SYSCONFDIR from the environment)" >&2
	exit 64
	;;
esac
