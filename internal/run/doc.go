// Package run is the heart of a node: it takes jobs out of the spool,
// has each traced, and keeps what was found.
//
//	claim ──► trace ──► events file ──► report ──► archive ──► finish
//
// The way of one job is Runner.job. Events are written while a trace
// runs, so that a crash leaves evidence: Runner.recover makes reports of
// what an earlier process left behind, before anything new is claimed.
//
// Others learn about a running node only from state/run.json, written
// once a second.
package run
