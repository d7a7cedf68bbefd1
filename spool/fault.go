package spool

import (
	"fmt"
	"strconv"
	"strings"
)

// A JobError lists every fault of a job or batch at once, so that a sender
// can mend them all before trying again. It is never empty.
type JobError struct {
	Faults []Fault
}

const (
	maxFaultsSaid = 20  // faults that an error says; the others are counted
	maxKeySaid    = 100 // bytes of a key that a fault says
)

// Error joins the first 20 faults with "; ": a stranger's file may hold
// thousands, and the text goes into logs and beside the file.
func (e *JobError) Error() string {
	said := min(len(e.Faults), maxFaultsSaid)
	parts := make([]string, said, said+1)
	for i := range parts {
		parts[i] = e.Faults[i].String()
	}
	if rest := len(e.Faults) - said; rest > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", rest))
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
		b.WriteString(f.shownKey())
		b.WriteString(": ")
	}
	b.WriteString(f.Problem)
	return b.String()
}

// shownKey is the key, cut where it is longer than any of ours.
func (f Fault) shownKey() string {
	if len(f.Key) <= maxKeySaid {
		return f.Key
	}
	return strings.ToValidUTF8(f.Key[:maxKeySaid], "") + "…"
}
