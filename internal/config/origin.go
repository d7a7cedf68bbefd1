package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// OriginKind is which of the four places a value is from. A greater one
// wins over a lesser.
type OriginKind int

const (
	FromDefault OriginKind = iota
	FromFile
	FromEnvironment
	FromFlag
)

// Origin is where a value is from.
type Origin struct {
	Kind OriginKind
	Name string // path of the file, name of the variable or flag; of a default: how it was found
	Line int    // in the file, from 1
}

// String is "default", "/etc/mtrq/config.toml:12", "environment MTRQ_SPOOL"
// or "flag --spool".
func (o Origin) String() string {
	switch o.Kind {
	case FromFile:
		if o.Line == 0 {
			return o.Name
		}
		return o.Name + ":" + strconv.Itoa(o.Line)
	case FromEnvironment:
		return "environment " + o.Name
	case FromFlag:
		return "flag " + o.Name
	}
	if o.Name != "" {
		return "default (" + o.Name + ")"
	}
	return "default"
}

// Origin says where the value of a key ("spool.dir", "nodes[0].name") is
// from.
func (c *Config) Origin(key string) Origin {
	if o, ok := c.origins[key]; ok {
		return o
	}
	// A table given inside another value, such as nodes = [{…}], has the
	// origin of what holds it.
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '.' || key[i] == '[' {
			if o, ok := c.origins[key[:i]]; ok {
				return o
			}
		}
	}
	return Origin{}
}

// A Line is one value of the configuration in force.
type Line struct {
	Key    string // "watch.open", "nodes[0].name"
	Value  string // in TOML
	Origin Origin
}

// Lines lists every key with its value and where that is from, in the
// order of config.example.toml.
func (c *Config) Lines() []Line {
	var out []Line
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for _, f := range fieldsOf(v.Type()) {
			fv, key := v.FieldByIndex(f.index), join(prefix, f.name)
			switch {
			case isTable(fv.Type()):
				walk(key, fv)
			case fv.Kind() == reflect.Slice && isTable(fv.Type().Elem()):
				for i := range fv.Len() {
					walk(fmt.Sprintf("%s[%d]", key, i), fv.Index(i))
				}
			default:
				out = append(out, Line{key, valueTOML(fv), c.Origin(key)})
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return out
}

// valueTOML is a value as it could stand in the file.
func valueTOML(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			panic(fmt.Sprintf("config: marshal %s: %v", v.Type(), err)) // none of our types can fail
		}
		if v.Type() == reflect.TypeFor[PortRange]() && !strings.Contains(string(text), "-") {
			return string(text)
		}
		return quoteTOML(string(text))
	}
	switch v.Kind() {
	case reflect.String:
		return quoteTOML(v.String())
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = valueTOML(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		m := v.Interface().(map[string]string)
		if len(m) == 0 {
			return "{}"
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(m)) {
			parts = append(parts, quoteTOML(k)+" = "+quoteTOML(m[k]))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	panic("config: no TOML form for " + v.Type().String())
}

// quoteTOML writes a basic string (TOML 1.0, "String"); control characters
// come out escaped, so a terminal never sees them.
func quoteTOML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
