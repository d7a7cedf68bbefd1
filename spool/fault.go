package spool

import (
	"strconv"
	"strings"
)

// A JobError lists every fault of a job or batch at once, so that a sender
// can mend them all before trying again. It is never empty.
type JobError struct {
	Faults []Fault
}

// Error joins the faults with "; ".
func (e *JobError) Error() string {
	parts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		parts[i] = f.String()
	}
	return strings.Join(parts, "; ")
}

// A Fault is one thing wrong with a job: where it stands and what would be
// right.
type Fault struct {
	File    string // name as given to the decoder; empty when there is no file
	Line    int    // from 1; 0 when unknown (a value that no file holds)
	Key     string // TOML key, dotted inside a table; empty for a fault of syntax
	Problem string // what is wrong, then what is allowed
}

// String gives one line: "edge.toml:3: port: 0 is out of range: allowed is 1-65535".
func (f Fault) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		b.WriteByte(':')
	}
	if f.Line > 0 {
		if f.File == "" {
			b.WriteString("line ")
		}
		b.WriteString(strconv.Itoa(f.Line))
		b.WriteByte(':')
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if f.Key != "" {
		b.WriteString(f.Key)
		b.WriteString(": ")
	}
	b.WriteString(f.Problem)
	return b.String()
}
