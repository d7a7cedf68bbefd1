// Package names says what addresses are called and which AS they are of, for
// whoever shows a report: from an MMDB file on disk and from reverse DNS. It
// is asked when something is rendered, never while packets are sent.
//
// What it does not know is left out and said (report.Names.Missing); a
// rendering never fails for want of a name.
//
//	state of the file                    AS numbers
//	none configured                      none; said
//	absent, unreadable, no MMDB          those of the last good file, if there was one; said
//	replaced                             of the new one, within a second of the next look
//	being written (size or time change)  of the last good one, until it holds still
//	truncated or damaged inside          those records are unknown; said
package names
