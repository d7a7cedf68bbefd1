package spool

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// MaxJobBytes is the largest job file that is read, and written.
const MaxJobBytes = 64 << 10

// A Job is one request to trace one target, as docs/formats.md ("Job")
// describes it. A zero value means that the key is absent.
type Job struct {
	Target   string // address or host name in the form of ParseTarget; the only field that must be set
	Reason   string // why, in the sender's words
	Event    string // the sender's own reference
	Protocol string // "icmp", "udp", "tcp"; empty is icmp
	Port     int    // 1-65535, with udp and tcp only; 0 is absent
	Size     int    // bytes of the whole IP packet; 0 is absent
	TOS      int    // 0-255
	Family   string // "4", "6"; empty is the first address that the resolver gives
	Interval time.Duration
	Rounds   int // exactly so many rounds, no stop rule; 0 is absent
	MaxTTL   int // 0 is absent
	Tags     map[string]string

	// NoCoalesce asks for a trace of its own even while another to the same
	// target runs (key coalesce = false).
	NoCoalesce bool

	// Added by mtrq, ignored in files from strangers.
	ID       ulid.ULID
	Source   string    // "cli", "http", "drop", "watchdog", "node"
	Accepted time.Time // when the request was accepted
	By       string    // "uid 1000", or the client's address
	SentAs   string    // the file's name in drop/, when that was no ULID
}

// Validate checks every field against docs/formats.md ("Job"). The error is a
// *JobError with all the faults.
func (j Job) Validate() error {
	faults := j.faults()
	if len(faults) == 0 {
		return nil
	}
	return &JobError{Faults: faults}
}

var tagName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// faults lists what is wrong with the job, without file and line.
func (j Job) faults() []Fault {
	var fs faultList
	fs.target(j)
	fs.text("reason", j.Reason, 1024)
	fs.text("event", j.Event, 256)
	fs.oneOf("protocol", j.Protocol, "icmp", "udp", "tcp")
	if j.Port != 0 && j.Protocol != "udp" && j.Protocol != "tcp" {
		fs.add("port", "has no meaning without protocol udp or tcp")
	}
	fs.between("port", j.Port, 1, 65535)
	if j.isIPv6() {
		fs.between("size", j.Size, 48, 9000)
	} else {
		fs.between("size", j.Size, 28, 9000)
	}
	if j.TOS < 0 || j.TOS > 255 {
		fs.add("tos", fmt.Sprintf("%d is out of range: allowed is 0-255", j.TOS))
	}
	fs.oneOf("family", j.Family, "4", "6")
	if j.Interval != 0 && (j.Interval < 100*time.Millisecond || j.Interval > time.Minute) {
		fs.add("interval", fmt.Sprintf("%s is out of range: allowed is 100ms-60s", j.Interval))
	}
	fs.between("rounds", j.Rounds, 1, 10000)
	fs.between("max_ttl", j.MaxTTL, 1, 64)
	fs.tags(j.Tags)
	fs.oneOf("source", j.Source, "cli", "http", "drop", "watchdog", "node")
	fs.text("by", j.By, 256)
	fs.text("sent_as", j.SentAs, 1024)
	if y := j.Accepted.Year(); !j.Accepted.IsZero() && (y < 1970 || y > 9999) {
		fs.add("accepted", "is out of range: allowed are the years 1970-9999")
	}
	return fs
}

// isIPv6 says whether the job can only go to an IPv6 address.
func (j Job) isIPv6() bool {
	a, err := netip.ParseAddr(j.Target)
	return err == nil && a.Is6() && !a.Is4In6() || j.Family == "6"
}

type faultList []Fault

func (fs *faultList) add(key, problem string) {
	*fs = append(*fs, Fault{Key: key, Problem: problem})
}

func (fs *faultList) target(j Job) {
	canonical, err := ParseTarget(j.Target)
	switch {
	case err != nil:
		fs.add("target", quoteShort(j.Target)+" "+err.Error())
		return
	case canonical != j.Target:
		fs.add("target", quoteShort(j.Target)+" is not in its canonical form "+strconv.Quote(canonical))
		return
	}
	a, err := netip.ParseAddr(canonical)
	if err != nil {
		return
	}
	if a.Is4() && j.Family == "6" || a.Is6() && j.Family == "4" {
		fs.add("family", fmt.Sprintf("%q does not fit the address %s: leave it out", j.Family, a))
	}
}

func (fs *faultList) text(key, s string, maxBytes int) {
	switch {
	case len(s) > maxBytes:
		fs.add(key, fmt.Sprintf("is %d bytes long: allowed are %d", len(s), maxBytes))
	case !utf8.ValidString(s):
		fs.add(key, "is not valid UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		fs.add(key, "holds a control character (a line break, say): none is allowed")
	}
}

func (fs *faultList) oneOf(key, s string, allowed ...string) {
	if s != "" && !slices.Contains(allowed, s) {
		fs.add(key, fmt.Sprintf("%s is unknown: allowed is %s", quoteShort(s), strings.Join(allowed, ", ")))
	}
}

// between takes 0 for absent; a 0 that stands in a file is refused by the
// decoder.
func (fs *faultList) between(key string, n, low, high int) {
	if n != 0 && (n < low || n > high) {
		fs.add(key, outOfRange(int64(n), low, high))
	}
}

func (fs *faultList) tags(tags map[string]string) {
	if len(tags) > 32 {
		fs.add("tags", fmt.Sprintf("has %d keys: allowed are 32", len(tags)))
	}
	names := make([]string, 0, len(tags))
	for name := range tags {
		names = append(names, name)
	}
	slices.Sort(names) // the same faults in the same order every time
	for _, name := range names {
		if !tagName.MatchString(name) {
			fs.add("tags", fmt.Sprintf("key %s: allowed are 1 to 64 of A-Z a-z 0-9 _ . -", quoteShort(name)))
			continue
		}
		fs.text("tags."+name, tags[name], 256)
	}
}

func outOfRange(n int64, low, high int) string {
	return fmt.Sprintf("%d is out of range: allowed is %d-%d", n, low, high)
}

// quoteShort quotes s for a message: no control byte gets through, and what
// is very long is cut.
func quoteShort(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return strconv.Quote(s)
}
