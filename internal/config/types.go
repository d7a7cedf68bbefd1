package config

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as a string: "1s", "1m30s", "400d".
// A "d" is 24 hours and stands first.
type Duration time.Duration

var daysPattern = regexp.MustCompile(`^([0-9]+)d(.*)$`)

// UnmarshalText reads a duration of zero or more.
func (d *Duration) UnmarshalText(text []byte) error {
	s, days := string(text), int64(0)
	if m := daysPattern.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n > math.MaxInt64/int64(day) {
			return errors.New("is too long a duration: at most 106751d")
		}
		days, s = n, m[2]
		if s == "" {
			s = "0s"
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil || strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		return errors.New(`is no duration: write a number with a unit, such as "200ms", "10s", "5m" or "400d"`)
	}
	if v > time.Duration(math.MaxInt64)-time.Duration(days)*day {
		return errors.New("is too long a duration: at most 106751d")
	}
	*d = Duration(time.Duration(days)*day + v)
	return nil
}

// MarshalText writes the shortest form that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the form in the file: "400d", "1m30s", "1s".
func (d Duration) String() string {
	v := time.Duration(d)
	if v >= day {
		days := v / day
		if rest := v % day; rest != 0 {
			return fmt.Sprintf("%dd%s", days, shortTime(rest))
		}
		return fmt.Sprintf("%dd", days)
	}
	return shortTime(v)
}

// shortTime drops the "0s" and "0m" that time.Duration ends with.
func shortTime(v time.Duration) string {
	s := v.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Bytes is a size, written as "256 MiB", "1.5 GB" or a bare number of bytes.
type Bytes int64

type byteUnit struct {
	name string
	size int64
}

// byteUnits lists the units, in the order that String tries them.
func byteUnits() []byteUnit {
	return []byteUnit{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
	}
}

// bytesPattern also bounds the digits, so that the exact arithmetic below
// stays cheap whatever stands in the file.
var bytesPattern = regexp.MustCompile(`^([0-9]{1,19}(?:\.[0-9]{1,12})?) ?([A-Za-z]*)$`)

// UnmarshalText reads a size of zero or more. A fraction of a byte is
// refused rather than rounded.
func (b *Bytes) UnmarshalText(text []byte) error {
	bad := errors.New(`is no size: write "256 MiB", "1.5 GB" or a number of bytes`)
	m := bytesPattern.FindStringSubmatch(string(text))
	if m == nil {
		return bad
	}
	size := int64(0)
	if m[2] == "" {
		size = 1
	}
	for _, u := range byteUnits() {
		if strings.EqualFold(u.name, m[2]) {
			size = u.size
		}
	}
	n, ok := new(big.Rat).SetString(m[1])
	if size == 0 || !ok {
		return bad
	}
	n.Mul(n, new(big.Rat).SetInt64(size))
	if !n.IsInt() || !n.Num().IsInt64() {
		return errors.New("is no whole number of bytes below 8 EiB")
	}
	*b = Bytes(n.Num().Int64())
	return nil
}

// MarshalText writes the form that UnmarshalText reads, without loss.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// String uses the greatest unit that gives a whole number.
func (b Bytes) String() string {
	for _, u := range byteUnits() {
		if b != 0 && int64(b)%u.size == 0 {
			return fmt.Sprintf("%d %s", int64(b)/u.size, u.name)
		}
	}
	return "0 B"
}

// Window is "lost of sent", written "3/12".
type Window struct {
	Lost int
	Of   int
}

var windowPattern = regexp.MustCompile(`^([0-9]{1,6})/([0-9]{1,6})$`)

// UnmarshalText reads "3/12".
func (w *Window) UnmarshalText(text []byte) error {
	m := windowPattern.FindStringSubmatch(string(text))
	if m == nil {
		return errors.New(`is no window: write misses and pings, such as "3/12"`)
	}
	// The pattern admits at most six digits: neither can fail.
	w.Lost, _ = strconv.Atoi(m[1])
	w.Of, _ = strconv.Atoi(m[2])
	return nil
}

// MarshalText writes "3/12".
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func (w Window) String() string { return fmt.Sprintf("%d/%d", w.Lost, w.Of) }

// PortRange is TCP or UDP ports, both ends included: 443 or "33434-33534".
type PortRange struct {
	First int
	Last  int
}

var portsPattern = regexp.MustCompile(`^([0-9]{1,5})(?:-([0-9]{1,5}))?$`)

// UnmarshalText reads "443" or "33434-33534".
func (p *PortRange) UnmarshalText(text []byte) error {
	m := portsPattern.FindStringSubmatch(string(text))
	if m == nil {
		return errors.New(`is no port: write 443 or "33434-33534"`)
	}
	// The pattern admits at most five digits: neither can fail.
	first, _ := strconv.Atoi(m[1])
	last := first
	if m[2] != "" {
		last, _ = strconv.Atoi(m[2])
	}
	if first < 1 || last > 65535 || first > last {
		return errors.New("must lie in 1 to 65535, the lower first")
	}
	p.First, p.Last = first, last
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (p PortRange) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p PortRange) String() string {
	if p.First == p.Last {
		return strconv.Itoa(p.First)
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

// Contains says whether port lies in the range.
func (p PortRange) Contains(port int) bool { return p.First <= port && port <= p.Last }
