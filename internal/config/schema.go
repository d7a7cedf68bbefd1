package config

import (
	"encoding"
	"errors"
	"net/netip"
	"reflect"
	"strings"
)

// field is one key of a table.
type field struct {
	name  string
	index []int
}

// fieldsOf lists the keys of a table in the order of its struct.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("toml"); name != "" {
			out = append(out, field{name, []int{i}})
		}
	}
	return out
}

// fieldNamed finds a key; case counts, as everywhere in TOML.
func fieldNamed(t reflect.Type, name string) (field, bool) {
	if isTable(t) {
		for _, f := range fieldsOf(t) {
			if f.name == name {
				return f, true
			}
		}
	}
	return field{}, false
}

// isTable tells a section from a value that happens to be a struct.
func isTable(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// lookup finds the value of a key such as "spool.dir"; not below lists.
func lookup(c *Config, key string) (reflect.Value, bool) {
	v := reflect.ValueOf(c).Elem()
	for name := range strings.SplitSeq(key, ".") {
		f, ok := fieldNamed(v.Type(), name)
		if !ok {
			return reflect.Value{}, false
		}
		v = v.FieldByIndex(f.index)
	}
	return v, true
}

// wanted names a type in the words of a fault.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[PortRange]():
		return `a port such as 443 or "33434-33534"`
	case t == reflect.TypeFor[Bytes]():
		return `a size such as "256 MiB"`
	case t == reflect.TypeFor[Duration]():
		return `a duration such as "10s"`
	case t == reflect.TypeFor[Window]():
		return `misses and pings such as "3/12"`
	case t.Kind() == reflect.Int:
		return "an integer"
	case t.Kind() == reflect.Map:
		return "a table of strings"
	case t.Kind() == reflect.Slice && isTable(t.Elem()):
		return "tables, each headed by its name in double brackets"
	case t.Kind() == reflect.Slice:
		return "a list, or one of: " + wanted(t.Elem())
	case isTable(t):
		return "a table, headed by its name in brackets"
	}
	return "a string"
}

// parsePrefix reads "192.0.2.0/24" or a lone address.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := parseAddr(s)
		if err != nil || !a.IsValid() {
			return netip.Prefix{}, errors.New(`is no prefix: write "192.0.2.0/24", "2001:db8::/32" or an address`)
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, errors.New(`is no prefix: write "192.0.2.0/24", "2001:db8::/32" or an address`)
	}
	if p != p.Masked() {
		return netip.Prefix{}, errors.New("has bits set behind its length: write " + p.Masked().String() + " or a longer prefix")
	}
	return p, nil
}

// parseAddr reads an address without zone. An empty string is none: it
// stands in config.example.toml.
func parseAddr(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.Addr{}, errors.New(`is no address: write "192.0.2.7" or "2001:db8::7", without zone or port`)
	}
	return a, nil
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// nearest is the key of a table that a typo most likely meant, or empty.
func nearest(t reflect.Type, name string) string {
	if !isTable(t) || len(name) > 64 {
		return ""
	}
	best, dist := "", 3
	for _, f := range fieldsOf(t) {
		if d := editDistance(strings.ToLower(name), f.name); d < dist {
			best, dist = f.name, d
		}
	}
	return best
}

// editDistance is Levenshtein's, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
