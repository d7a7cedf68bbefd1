package targets

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mtrq/mtrq/spool"
)

// entry is one target as a list has it, checked.
type entry struct {
	name string     // canonical
	addr netip.Addr // invalid: a name
	options
}

// options is what a list may say of a target beside its name.
type options struct {
	group    string
	interval time.Duration // 0: not said
	protocol string        // "": not said
	tags     map[string]string
}

// parsed is a list: its good entries, and what is wrong with the others.
type parsed struct {
	entries []entry
	faults  faults
	over    int // entries beyond MaxSourceTargets
}

// add takes one target in the words of its list.
func (p *parsed) add(words string, o options, line func() int) {
	name, err := spool.ParseTarget(hostOf(words))
	if err != nil {
		p.faults.add(line, func() string { return quoteShort(words) + " " + err.Error() })
		return
	}
	if len(p.entries) >= MaxSourceTargets {
		p.over++
		return
	}
	e := entry{name: name, options: o}
	if last := name[len(name)-1]; last <= '9' || strings.IndexByte(name, ':') >= 0 { // a name of letters need not be tried
		if a, err := netip.ParseAddr(name); err == nil {
			e.addr = a
		}
	}
	p.entries = append(p.entries, e)
}

// err says what of the list is not watched; "" when all of it is.
func (p *parsed) err() string {
	var s []string
	if p.over > 0 {
		s = append(s, fmt.Sprintf("names %d targets: only the first %d are watched, split the list", len(p.entries)+p.over, MaxSourceTargets))
	}
	if f := p.faults.String(); f != "" {
		s = append(s, f)
	}
	return strings.Join(s, "; ")
}

// namedFaults is how many faults are told in words. A list of 100,000 broken
// lines needs one look, not 100,000 messages.
const namedFaults = 5

type faults struct {
	unit  string // what is counted; "": lines
	first []string
	more  int
}

// add takes line and words as functions: they are only asked for faults that
// are told.
func (f *faults) add(line func() int, what func() string) {
	if len(f.first) >= namedFaults {
		f.more++
		return
	}
	f.first = append(f.first, fmt.Sprintf("%s %d: %s", first(f.unit, "line"), line(), what()))
}

func (f *faults) String() string {
	s := strings.Join(f.first, "; ")
	if f.more > 0 {
		s += fmt.Sprintf("; and %d more", f.more)
	}
	return s
}

// hostOf takes the host out of the host:port and URLs that Prometheus lists
// hold. All else stays as it is, for ParseTarget to judge.
func hostOf(s string) string {
	if strings.Contains(s, "://") {
		if u, err := url.Parse(s); err == nil && u.Hostname() != "" {
			return u.Hostname()
		}
		return s
	}
	if strings.IndexByte(s, ':') < 0 {
		return s
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return s // an IPv6 address, most often
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return s
	}
	return host
}

// These are the limits of a job's tags: a job will carry them.
const (
	maxTags      = 32
	maxTagBytes  = 256
	maxNameBytes = 128 // of a group
)

var tagName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// set takes one key of a list. On an error the target goes without that key,
// or with the nearest value allowed: it is watched all the same.
func (o *options) set(key, value string) error {
	switch key {
	case "group":
		if err := checkText(value, maxNameBytes); err != nil {
			return err
		}
		o.group = value
	case "interval":
		return o.setInterval(value)
	case "protocol":
		switch value {
		case "icmp", "udp", "tcp":
			o.protocol = value
		default:
			return fmt.Errorf("%s is unknown: allowed are icmp, udp, tcp", quoteShort(value))
		}
	default:
		return o.setTag(key, value)
	}
	return nil
}

func (o *options) setInterval(value string) error {
	d, err := time.ParseDuration(value)
	switch {
	case err != nil || d <= 0:
		return fmt.Errorf("%s is no duration: write it as 500ms or 2s", quoteShort(value))
	case d < MinInterval:
		o.interval = MinInterval
		return fmt.Errorf("%s is too short: %s is used", d, MinInterval)
	case d > MaxInterval:
		o.interval = MaxInterval
		return fmt.Errorf("%s is too long: %s is used", d, MaxInterval)
	}
	o.interval = d
	return nil
}

func (o *options) setTag(key, value string) error {
	if !tagName.MatchString(key) {
		return errors.New("a tag's name is 1 to 64 of A-Z a-z 0-9 _ . -")
	}
	if err := checkText(value, maxTagBytes); err != nil {
		return err
	}
	if _, known := o.tags[key]; !known && len(o.tags) >= maxTags {
		return fmt.Errorf("only %d tags are kept", maxTags)
	}
	if o.tags == nil {
		o.tags = map[string]string{}
	}
	o.tags[key] = value
	return nil
}

func checkText(s string, maxBytes int) error {
	switch {
	case len(s) > maxBytes:
		return fmt.Errorf("is %d bytes long: allowed are %d", len(s), maxBytes)
	case !utf8.ValidString(s):
		return errors.New("is not valid UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("holds a control character")
	}
	return nil
}

// quoteShort quotes what a stranger wrote: no control byte gets through, and
// what is long is cut.
func quoteShort(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return strconv.Quote(s)
}

// clean makes a path or an error's text fit for one line of 500 bytes.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return '?'
		}
		return r
	}, s)
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + "…"
	}
	return s
}
