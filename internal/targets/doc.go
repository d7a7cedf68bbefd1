// Package targets keeps the list of what is watched: targets and groups of
// the configuration, files and directories of files, and URLs, folded into
// one [List] whose names have pinned addresses.
//
// A list file is one target a line, or what Prometheus calls file_sd:
//
//	edge.example.net site=hk group=core interval=500ms   # a comment
//	[{"targets": ["203.0.113.7", "edge.example.net:9100"], "labels": {"site": "hk", "__mtrq_group": "core"}}]
//
// A source that fails must not switch the watchdog off: it would fail in the
// very minute in which it is needed, for the line to it is one of those that
// are watched. So of each source the last good list is used, and kept on disk:
//
//	seen at a source                          what is watched of it            Source.Err
//	a list                                    that                             none
//	a list with broken entries                its good entries                 the broken ones, by line
//	only broken entries, or no list at all    the last good list               what is wrong
//	nothing there, no answer, a refusal       the last good list               what is wrong
//	empty, and it was before                  nothing                          none
//	empty, and it had targets                 the last good list               empty since when
//	empty still, 60 s later                   nothing                          none
//	a file gone from its directory            as if it were empty              gone since when
//	a directory that is gone                  the last good list of its files  what is wrong
//	a file that changes while it is read      the last good list               none for 5 s
//
// Names are resolved while things are well. A name that stops resolving
// keeps the address it had.
//
// What is kept in Lists.Dir, and what a crash leaves there:
//
//	names.json          addresses of names, replaced as a whole
//	lists/<hash>.list   the last good list of one source, as it came, behind a line with its length and checksum
//	.tmp-*              never finished: removed at the next start
//	a torn file         fails its checksum: as if it were not there
package targets
