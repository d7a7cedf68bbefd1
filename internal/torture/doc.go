// Package torture proves by force what spool and archive promise: every
// acknowledged job is named in exactly one report, or lies in bad/ with a
// reason beside it. It has no code of its own, only tests: they build the
// real program, run it in a private network, kill it, cut its power, fill its
// disks, fail its system calls and set its clock, and then let an auditor
// that shares no code with what it audits count what is there.
//
// A few of each run with the other tests. The campaigns run with
//
//	make torture
//
// and what they found stands in docs/reliability.md.
package torture
