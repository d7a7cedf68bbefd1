#!/bin/bash
# Checks of the sources that need no network namespace and no root: format, vet, staticcheck, shellcheck and the
# licences. Runs all of them before it fails, so that one run shows every fault.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=0
step() { # step NAME COMMAND...: quiet when well
	local name=$1 out
	shift
	if out=$("$@" 2>&1) && [ -z "$out" ]; then
		echo "ok      $name"
	else
		echo "FAILED  $name"
		[ -z "$out" ] || sed 's/^/        /' <<<"$out"
		failed=1
	fi
}

# Scripts are found by their first line too: a hook or .ci/run has no .sh.
scripts() {
	find . \( -name .git -o -path ./bin -o -path ./tools/bin \) -prune -o -type f -size -256k -print0 |
		xargs -0 grep -lIZE -m1 '^#!(/usr)?/bin/(env )?(ba|da)?sh' | xargs -0 -r shellcheck
}
linters() { # built once per version; go notices by itself when nothing is to be done
	GOBIN=$PWD/tools/bin go -C tools install tool 2>/dev/null ||
		GOBIN=$PWD/tools/bin go -C tools install tool
}

step 'gofmt -l' gofmt -l .
step 'go vet' go vet ./...
step 'linters (tools/go.mod)' linters
step 'staticcheck' tools/bin/staticcheck ./...
step 'shellcheck' scripts
step 'licences (docs/licences.md)' tools/licences.sh --check
exit $failed
