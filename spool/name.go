package spool

import (
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"
)

// MaxAttempts is how many runners may die with a job in hand before a probe
// was sent, until it goes to bad/.
const MaxAttempts = 3

// A Name is one file in the spool.
type Name struct {
	Dir  string // "tmp", "new", "cur", "bad", "drop"
	File string // as found in the directory
}

// String gives the path below the spool: "cur/01KAR1ABTB5H2ZJ0Q4V7W8X9YZ.job".
func (n Name) String() string { return n.Dir + "/" + n.File }

// kind is what a file holds, by the end of its name.
type kind string

const (
	kindJob     kind = "job"
	kindBatch   kind = "batch"
	kindEvents  kind = "events"
	kindForeign kind = "foreign" // bad/ only: what came under another name
	kindIntake  kind = "intake"  // tmp/ only: a job from drop/, written by the runner and nobody else
)

// parsed is a file name taken apart: <ULID>[.<attempts>].<kind>[.reason].
type parsed struct {
	id       ulid.ULID
	attempts int // times given back so far
	kind     kind
	reason   bool // the text beside a file in bad/
}

// parseFile takes a file's name apart; false for names that this package
// does not write.
func parseFile(file string) (parsed, bool) {
	var p parsed
	file, p.reason = strings.CutSuffix(file, ".reason")
	parts := strings.Split(file, ".")
	if len(parts) != 2 && len(parts) != 3 {
		return parsed{}, false
	}
	var ok bool
	if p.id, ok = parseID(parts[0]); !ok {
		return parsed{}, false
	}
	p.kind = kind(parts[len(parts)-1])
	switch p.kind {
	case kindJob, kindBatch:
	case kindEvents, kindForeign, kindIntake:
		return p, len(parts) == 2
	default:
		return parsed{}, false
	}
	if len(parts) == 3 {
		n, err := strconv.Atoi(parts[1])
		if err != nil || n < 1 || n > MaxAttempts || parts[1] != strconv.Itoa(n) {
			return parsed{}, false
		}
		p.attempts = n
	}
	return p, true
}

// fileName is the reverse of parseFile.
func fileName(id ulid.ULID, attempts int, k kind) string {
	if attempts == 0 {
		return id.String() + "." + string(k)
	}
	return id.String() + "." + strconv.Itoa(attempts) + "." + string(k)
}

// parseID takes a ULID only as this package writes it: upper case, not above
// the highest time. One ID has one name.
func parseID(s string) (ulid.ULID, bool) {
	id, err := ulid.ParseStrict(s)
	return id, err == nil && id.String() == s
}

func isZeroID(id ulid.ULID) bool { return id == ulid.ULID{} }
