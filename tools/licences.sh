#!/bin/bash
# What licences the modules in the binary and in the tests have. `--check` compares docs/licences.md with what
# `go list -m` says now, and fails on a module that is not listed, one that is no longer used, or a licence
# outside the short list; without it, prints the table's lines as they should be.
set -euo pipefail
cd "$(dirname "$0")/.."

# licence DIR: the name of the licence in that module's directory, by words that only this text has.
licence() {
	local file text
	file=$(find "$1" -maxdepth 1 -type f -iregex '.*/\(un\)?licen[cs]e.*\|.*/copying.*' | sort | head -n 1)
	[ -n "$file" ] || { echo none && return; }
	text=$(tr -s '[:space:]' ' ' <"$file")
	case $text in
	*'Apache License'*'Version 2.0'*) echo Apache-2.0 ;;
	*'Mozilla Public License'*'2.0'*) echo MPL-2.0 ;;
	*'Permission is hereby granted, free of charge'*) echo MIT ;;
	*'Permission to use, copy, modify, and'*'distribute this software for any purpose'*) echo ISC ;;
	*'Redistribution and use in source and binary forms'*'either the name'* | \
		*'Redistribution and use in source and binary forms'*'The name'*'may not be used'*) echo BSD-3-Clause ;;
	*'Redistribution and use in source and binary forms'*) echo BSD-2-Clause ;;
	*) echo unknown ;;
	esac
}

# modules: path and directory of every module that a package of ours, or a test of one, imports.
modules() {
	go list -deps -test -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' ./... | sort -u
}

# shipped: the modules that the binary itself holds. Before there is a command, those of all packages.
shipped() {
	local what=./cmd/...
	[ -d cmd ] && go list ./cmd/... >/dev/null 2>&1 && [ -n "$(go list ./cmd/... 2>/dev/null)" ] || what=./...
	go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}' "$what" | sort -u
}

table() {
	local path dir where in_binary
	in_binary=$(shipped)
	while read -r path dir; do
		[ -n "$path" ] || continue
		where=tests
		if grep -qxF "$path" <<<"$in_binary"; then where=binary; fi
		echo "| $path | $(licence "$dir") | $where |"
	done < <(modules)
}

if [ "${1-}" != --check ]; then
	table
	exit 0
fi
want=$(table)
have=$(grep -E '^\| [^ ]+/[^ ]+ \|' docs/licences.md || true)
status=0
if ! diff <(echo "$have") <(echo "$want") >/dev/null; then
	echo "docs/licences.md is not what the modules say; replace its table by the output of tools/licences.sh:"
	diff -U0 <(echo "$have") <(echo "$want") | grep '^[-+]|' || true
	status=1
fi
# Licences that may be linked into an MIT binary without a condition beyond keeping the notice.
if odd=$(grep -vE '\| (MIT|BSD-2-Clause|BSD-3-Clause|ISC|Apache-2.0) \|' <<<"$want"); then
	if [ -n "$odd" ]; then
		echo "a licence that nobody has looked at yet:"
		echo "$odd"
		status=1
	fi
fi
exit $status
