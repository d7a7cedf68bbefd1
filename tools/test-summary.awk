# Reads the standard output of `go test -v ./...` (build errors are on the other one); prints a line for each
# package, the output of each test and subtest that did not pass, and at the end how many tests ran and which were
# skipped for what reason. The verdict is go's exit code, not ours.
#
# -v, because without it a skip leaves no trace at all, and a suite that quietly skips everything looks green.

function root(name) { sub(/\/.*/, "", name); return name }

# Everything between two lines that name a test belongs to the first of them.
/^=== (RUN|CONT|NAME|PAUSE) / { current = $3; next }
/^ *--- PASS: / { if ($0 ~ /^---/) passed++; done[$3] = 1; next }
/^ *--- SKIP: / {
	skipped++
	if ($0 ~ /^---/) done[$3] = 1
	reason = last[$3]
	sub(/^ *[^ ]*\.go:[0-9]+: /, "", reason)
	skips[skipped] = $3 ": " (reason == "" ? "no reason given" : reason)
	next
}
/^(ok  |FAIL|\?   |)\t/ {
	if ($1 == "FAIL") {
		failed_packages++
		for (i = 1; i <= n; i++) if (!(root(owner[i]) in done) && !(owner[i] in done)) print line[i]
		print
	} else if ($1 == "ok") {
		packages++
		sub(/\t\(cached\)/, " (cached)")
		print
	} # "?" and an empty first column: a package without tests
	n = 0; current = ""; delete owner; delete line; delete done; delete last
	fflush()
	next
}
/^(PASS|FAIL)$/ { next }
/^ *--- FAIL: / { if ($0 ~ /^---/) failed++; current = $3 }
{
	n++
	line[n] = $0
	owner[n] = current
	if ($0 ~ /[^ ]/) last[current] = $0
}

END {
	for (i = 1; i <= n; i++) print line[i] # go was killed in the middle of a package
	print ""
	printf "%d passed, %d failed, %d skipped, in %d packages (%d failed)\n", passed, failed, skipped, packages + failed_packages, failed_packages
	for (i = 1; i <= skipped; i++) print "    skipped " skips[i]
}
