#!/bin/bash
# Checks of the sources that need no network namespace and no root: format, vet, staticcheck, shellcheck and the
# licences. Runs all of them before it fails, so that one run shows every fault.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

failed=0
verdict() { # verdict NAME EXIT-CODE OUTPUT: a check is well when it ended with 0 and had nothing to say
	if [ "$2" -eq 0 ] && [ -z "$3" ]; then
		echo "ok      $1"
	else
		echo "FAILED  $1"
		[ -z "$3" ] || awk '{ print "        " $0 }' <<<"$3"
		failed=1
	fi
}

# Scripts are found by their first line: .ci/run and hooks have no .sh.
mapfile -t scripts < <(find . \( -name .git -o -path ./bin -o -path ./tools/bin \) -prune -o -type f -size -256k -print0 |
	xargs -0 awk 'FNR == 1 { if (/^#!(\/usr)?\/bin\/(env )?(ba|da)?sh/) print FILENAME; nextfile }')

# A fresh machine downloads modules first: what go says about that is no fault.
go mod download || exit 1

out=$(gofmt -l . 2>&1)
verdict 'gofmt -l' $? "$out"
# Both look at what the tests will run, with the race detector: then all is compiled once, not twice.
out=$(go vet -race ./... 2>&1)
verdict 'go vet' $? "$out"
# The linters' versions are pinned in tools/go.mod; go builds them once and notices when nothing is to be done.
out=$(GOBIN=$PWD/tools/bin go -C tools install tool 2>&1 | grep -v '^go: downloading ')
verdict 'linters (tools/go.mod)' 0 "$out"
out=$(GOFLAGS=-race tools/bin/staticcheck ./... 2>&1)
verdict 'staticcheck' $? "$out"
out=$(shellcheck "${scripts[@]}" 2>&1)
verdict "shellcheck, ${#scripts[@]} scripts" $? "$out"
out=$(tools/licences.sh --check 2>&1)
verdict 'licences (docs/licences.md)' $? "$out"
exit $failed
