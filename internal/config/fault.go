package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrConfig matches every error of this package: the configuration cannot
// be used (exit code 78).
var ErrConfig = errors.New("configuration cannot be used")

// A Fault is one thing wrong with the configuration, and what would be
// right:
//
//	/etc/mtrq/config.toml:12: [watch] interval = "10ms": must be 200ms to 1m
type Fault struct {
	Origin Origin
	Key    string // "watch.interval"; empty where the file as a whole is meant
	Value  string // in TOML; empty where there is none
	Text   string // what is wrong or allowed
}

func (f Fault) String() string {
	var b strings.Builder
	if f.Origin.Kind != FromDefault {
		b.WriteString(f.Origin.String() + ": ")
	}
	if f.Key != "" {
		b.WriteString(heading(f.Key))
		if f.Value != "" {
			b.WriteString(" = " + f.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// heading turns "watch.interval" into "[watch] interval", as it stands in
// the file.
func heading(key string) string {
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return key
	}
	table, name := key[:i], key[i+1:]
	if j := strings.IndexByte(table, '['); j >= 0 {
		n, err := strconv.Atoi(strings.TrimSuffix(table[j+1:], "]"))
		if err == nil {
			return fmt.Sprintf("[[%s]] number %d, %s", table[:j], n+1, name)
		}
	}
	return "[" + table + "] " + name
}

// Error is every fault that was found, in the order of the file.
type Error struct {
	Faults []Fault
	Cause  error // of reading the file; nil where its content is at fault
}

// Error is one line per fault.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Faults))
	for _, f := range e.Faults {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.Is find ErrConfig, and fs.ErrNotExist and the like.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrConfig}
	}
	return []error{ErrConfig, e.Cause}
}

// faults collects faults; each key is blamed once.
type faults struct {
	list []Fault
}

func (fs *faults) add(f Fault) {
	for _, g := range fs.list {
		if f.Key != "" && f.Key == g.Key {
			return
		}
	}
	fs.list = append(fs.list, f)
}

// err is nil or an *Error.
func (fs *faults) err() error {
	if len(fs.list) == 0 {
		return nil
	}
	slices.SortStableFunc(fs.list, func(a, b Fault) int {
		if a.Origin.Kind != b.Origin.Kind {
			return int(b.Origin.Kind) - int(a.Origin.Kind)
		}
		return a.Origin.Line - b.Origin.Line
	})
	return &Error{Faults: fs.list}
}
