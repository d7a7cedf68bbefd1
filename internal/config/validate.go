package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Validate reports every value that is out of range, as an *Error.
func (c *Config) Validate() error {
	fs := &faults{}
	validate(c, fs)
	return fs.err()
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func validate(c *Config, fs *faults) {
	k := &checker{c: c, faults: fs}
	k.node()
	k.storage()
	k.running()
	k.watch()
	k.serve()
	k.others()
}

func (k *checker) node() {
	n := k.c.Node
	if !namePattern.MatchString(n.Name) {
		k.bad("node.name", n.Name, "must be 1 to 63 of A-Z a-z 0-9 . _ - and begin with a letter or digit")
	}
	k.words("node.place", n.Place)
}

func (k *checker) storage() {
	c := k.c
	k.dir("spool.dir", c.Spool.Dir)
	between(k, "spool.reserve_bytes", c.Spool.ReserveBytes, 0, 1<<40)
	between(k, "spool.reserve_inodes", c.Spool.ReserveInodes, 0, 1_000_000_000)
	k.dir("archive.dir", c.Archive.Dir)
	k.dir("archive.cache_dir", c.Archive.CacheDir)
	if c.Spool.Dir != "" && filepath.Clean(c.Spool.Dir) == filepath.Clean(c.Archive.Dir) {
		k.bad("archive.dir", c.Archive.Dir, "must not be the spool's own directory")
	}
	if !knownZone(c.Archive.Zone) && c.Archive.Zone != "Local" {
		k.bad("archive.zone", c.Archive.Zone, `must be an IANA zone name such as "Europe/Berlin", "UTC" or "Local"`)
	}
	between(k, "archive.keep", c.Archive.Keep, Duration(day), Duration(36500*day))
	between(k, "archive.keep_incidents", c.Archive.KeepIncidents, Duration(day), Duration(36500*day))
	between(k, "archive.max_size", c.Archive.MaxSize, 0, 1<<60)
	if c.Archive.CompressAfter != 0 { // what is being written is left alone
		between(k, "archive.compress_after", c.Archive.CompressAfter, Duration(day), Duration(36500*day))
	}
}

func (k *checker) running() {
	r, t := k.c.Run, k.c.Trace
	between(k, "run.jobs", r.Jobs, 1, 10_000)
	between(k, "run.max_pps", r.MaxPPS, 10, 100_000)
	between(k, "run.polite_pps", r.PolitePPS, 1, 1000)
	k.path("run.mtr_packet", r.MTRPacket)

	k.oneOf("trace.protocol", t.Protocol, "icmp", "udp", "tcp")
	between(k, "trace.port", t.Port, 0, 65535)
	if t.Port != 0 && t.Protocol == "icmp" {
		k.bad("trace.port", t.Port, `is for protocol "udp" or "tcp"; icmp has no ports`)
	}
	between(k, "trace.interval", t.Interval, Duration(100*time.Millisecond), Duration(time.Minute))
	between(k, "trace.min_packets", t.MinPackets, 1, 100_000)
	between(k, "trace.tail", t.Tail, Duration(time.Second), Duration(10*time.Minute))
	between(k, "trace.max_duration", t.MaxDuration, Duration(10*time.Second), Duration(time.Hour))
	if t.Tail > t.MaxDuration {
		k.bad("trace.max_duration", t.MaxDuration, "must not be shorter than [trace] tail, which is "+t.Tail.String())
	}
	between(k, "trace.max_ttl", t.MaxTTL, 1, 64)
	if a := t.Source; a.IsValid() && (a.IsUnspecified() || a.IsMulticast()) {
		k.bad("trace.source", a, "must be an address of this machine")
	}
}

// checker collects faults under the key that they belong to.
type checker struct {
	c      *Config
	faults *faults
}

// bad blames a key; value is any type that valueTOML knows.
func (k *checker) bad(key string, value any, text string) {
	v := reflect.ValueOf(value)
	shown := ""
	if v.IsValid() {
		shown = valueTOML(v)
	}
	k.faults.add(Fault{Origin: k.c.Origin(key), Key: key, Value: shown, Text: text})
}

// between wants low <= v <= high.
func between[T interface {
	~int | ~int64
}](k *checker, key string, v, low, high T) {
	if v < low || v > high {
		k.bad(key, v, fmt.Sprintf("must be %v to %v", low, high))
	}
}

func (k *checker) oneOf(key, v string, allowed ...string) {
	for _, a := range allowed {
		if v == a {
			return
		}
	}
	k.bad(key, v, "must be one of "+strings.Join(allowed, ", "))
}

// dir wants an absolute path.
func (k *checker) dir(key, v string) {
	if v == "" {
		k.bad(key, v, "must be an absolute path")
		return
	}
	k.path(key, v)
}

// path wants an absolute path or none.
func (k *checker) path(key, v string) {
	if v != "" && (!filepath.IsAbs(v) || strings.ContainsRune(v, 0)) {
		k.bad(key, v, "must be an absolute path")
	}
}

// words wants text for people: one line, not too long.
func (k *checker) words(key, v string) {
	if len(v) > 256 || strings.ContainsFunc(v, unicode.IsControl) {
		k.bad(key, v, "must be at most 256 bytes without control characters")
	}
}
