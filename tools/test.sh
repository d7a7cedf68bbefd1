#!/bin/bash
# tools/test.sh [PACKAGE...]: runs tests, TESTFLAGS among go's flags. All with the race detector, but for packages that
# start no goroutine: it has nothing to see there and makes their corpora five times slower. Others use them with it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

pure='/(report|internal/storm|internal/lab/cases)$'
flags=(-count=1 -timeout=10m -v)
more=()
[ -z "${TESTFLAGS:-}" ] || mapfile -t more < <(xargs printf '%s\n' <<<"$TESTFLAGS") # it may hold quotes
all=$(go list "$@") || exit 1
mapfile -t alone < <(grep -E "$pure" <<<"$all")
mapfile -t racing < <(grep -vE "$pure" <<<"$all")

failed=0
if [ "${#alone[@]}" -gt 0 ]; then
	mapfile -t files < <(go list -f '{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}' "${alone[@]}" | grep .)
	if found=$(grep -nE '^[^/]*\bgo (func\b|[a-zA-Z_.]+\()' "${files[@]}"); then
		echo "tools/test.sh tests these without the race detector, but a goroutine is started:"$'\n'"$found" >&2
		failed=1
	fi
	# As make build builds: what it compiles is needed anyway.
	CGO_ENABLED=0 go test -trimpath "${flags[@]}" "${more[@]}" "${alone[@]}" || failed=1
fi
# Three packages at once on two cores: most of the time tests wait for a network, a clock or a disk.
if [ "${#racing[@]}" -gt 0 ]; then
	go test -race -p 3 "${flags[@]}" "${more[@]}" "${racing[@]}" || failed=1
fi
exit $failed
