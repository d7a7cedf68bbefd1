package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// decoder puts one file into a Config, key by key, so that each value has
// its line and one fault does not hide the next.
type decoder struct {
	file   string
	cfg    *Config
	faults *faults
	parser unstable.Parser

	table  reflect.Value // that the header before names; invalid: an unknown one, whose keys are not blamed too
	prefix string
}

// decode reads data into cfg.
func decode(file string, data []byte, cfg *Config, fs *faults) {
	// The library first: syntax, a key given twice, a table redefined.
	var whole map[string]any
	if err := toml.Unmarshal(data, &whole); err != nil {
		f := Fault{Origin: Origin{Kind: FromFile, Name: file}, Text: strings.TrimPrefix(err.Error(), "toml: ")}
		var de *toml.DecodeError
		if errors.As(err, &de) {
			f.Origin.Line, _ = de.Position()
		}
		fs.add(f)
		return
	}
	d := decoder{file: file, cfg: cfg, faults: fs, table: reflect.ValueOf(cfg).Elem()}
	d.parser.Reset(data)
	for d.parser.NextExpression() {
		d.expression(d.parser.Expression())
	}
	if err := d.parser.Error(); err != nil { // the pass above has read the same bytes
		fs.add(Fault{Origin: Origin{Kind: FromFile, Name: file}, Text: err.Error()})
	}
}

func (d *decoder) expression(e *unstable.Node) {
	switch e.Kind {
	case unstable.Table, unstable.ArrayTable:
		path, line := d.key(e)
		d.header(path, line, e.Kind == unstable.ArrayTable)
	case unstable.KeyValue:
		if d.table.IsValid() {
			d.keyValue(d.table, d.prefix, e)
		}
	}
}

// header moves to the table that [path] or [[path]] names.
func (d *decoder) header(path []string, line int, array bool) {
	d.table, d.prefix = reflect.ValueOf(d.cfg).Elem(), ""
	for i, name := range path {
		last := i == len(path)-1
		f, ok := fieldNamed(d.table.Type(), name)
		if !ok {
			d.unknown(d.table.Type(), join(d.prefix, name), name, line)
			d.table = reflect.Value{}
			return
		}
		v := d.table.FieldByIndex(f.index)
		d.prefix = join(d.prefix, name)
		switch {
		case isTable(v.Type()) && !(last && array):
		case v.Kind() == reflect.Map && last && !array:
			d.origin(d.prefix, line)
		case v.Kind() == reflect.Slice && isTable(v.Type().Elem()) && (!last || array):
			if last {
				v.Set(reflect.Append(v, newItem(v.Type().Elem())))
			}
			if v.Len() == 0 {
				d.fault(d.prefix, "", line, "write [["+d.prefix+"]] first")
				d.table = reflect.Value{}
				return
			}
			d.prefix = fmt.Sprintf("%s[%d]", d.prefix, v.Len()-1)
			v = v.Index(v.Len() - 1)
			d.origin(d.prefix, line)
		default:
			d.fault(d.prefix, "", line, "must be "+wanted(v.Type()))
			d.table = reflect.Value{}
			return
		}
		d.table = v
		if v.Kind() == reflect.Map && !last {
			d.table = reflect.Value{}
			return
		}
	}
}

// newItem is what an item of a list is before its keys are read.
func newItem(t reflect.Type) reflect.Value {
	if t == reflect.TypeFor[Hook]() {
		return reflect.ValueOf(defaultHook())
	}
	return reflect.Zero(t)
}

// keyValue sets what one "key = value" says, below the table v.
func (d *decoder) keyValue(v reflect.Value, prefix string, e *unstable.Node) {
	path, line := d.key(e)
	for i, name := range path {
		if v.Kind() == reflect.Map {
			d.mapValue(v, join(prefix, strings.Join(path[i:], ".")), path[i:], e.Value(), line)
			return
		}
		key := join(prefix, name)
		if !isTable(v.Type()) {
			d.fault(prefix, "", line, "must be "+wanted(v.Type()))
			return
		}
		f, ok := fieldNamed(v.Type(), name)
		if !ok {
			d.unknown(v.Type(), key, name, line)
			return
		}
		v, prefix = v.FieldByIndex(f.index), key
	}
	d.value(v, prefix, e.Value(), line)
}

// value sets v, at key, to what stands in the file.
func (d *decoder) value(v reflect.Value, key string, n *unstable.Node, line int) {
	switch {
	case n.Kind == unstable.InlineTable && (isTable(v.Type()) || v.Kind() == reflect.Map):
		d.origin(key, line)
		for it := n.Children(); it.Next(); {
			d.keyValue(v, key, it.Node())
		}
		return
	case n.Kind == unstable.Array && v.Kind() == reflect.Slice:
		d.origin(key, line)
		list := reflect.MakeSlice(v.Type(), 0, 4)
		for it := n.Children(); it.Next(); {
			list = reflect.Append(list, newItem(v.Type().Elem()))
			d.value(list.Index(list.Len()-1), fmt.Sprintf("%s[%d]", key, list.Len()-1), it.Node(), d.lineOf(it.Node(), line))
		}
		v.Set(list)
		return
	case n.Kind == unstable.String || n.Kind == unstable.Integer:
		if err := setText(v, string(n.Data), n.Kind == unstable.Integer); err != nil {
			shown := string(n.Data)
			if n.Kind == unstable.String {
				shown = quoteTOML(shown)
			}
			d.fault(key, shown, line, err.Error())
			return
		}
		d.origin(key, line)
		return
	}
	d.fault(key, "", line, "must be "+wanted(v.Type()))
}

// mapValue puts one string into a table of strings.
func (d *decoder) mapValue(v reflect.Value, key string, path []string, n *unstable.Node, line int) {
	if n.Kind != unstable.String || len(path) != 1 {
		d.fault(key, "", line, "must be a string")
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	v.SetMapIndex(reflect.ValueOf(path[0]), reflect.ValueOf(string(n.Data)))
	d.origin(key, line)
}

// key reads the dotted key of an expression and its line. A table without
// a name cannot pass the parser.
func (d *decoder) key(e *unstable.Node) (path []string, line int) {
	for it := e.Key(); it.Next(); {
		if path = append(path, string(it.Node().Data)); line == 0 {
			line = d.lineOf(it.Node(), 0)
		}
	}
	return path, line
}

// lineOf is the line a node begins on; fallback where the parser kept no
// position for it.
func (d *decoder) lineOf(n *unstable.Node, fallback int) int {
	if n.Raw.Length == 0 {
		return fallback
	}
	return d.parser.Shape(n.Raw).Start.Line
}

func (d *decoder) origin(key string, line int) {
	d.cfg.origins[key] = Origin{Kind: FromFile, Name: d.file, Line: line}
}

func (d *decoder) fault(key, value string, line int, text string) {
	d.faults.add(Fault{Origin{FromFile, d.file, line}, key, value, text})
}

func (d *decoder) unknown(t reflect.Type, key, name string, line int) {
	text := "unknown key"
	if near := nearest(t, name); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	d.fault(key, "", line, text)
}

// setText puts one scalar into v: a flag's, a variable's or the file's.
// Where v is a list it becomes a list of one.
func setText(v reflect.Value, s string, integer bool) error {
	if v.Type() == reflect.TypeFor[netip.Prefix]() {
		p, err := parsePrefix(s)
		if err != nil {
			return err
		}
		v.Set(reflect.ValueOf(p))
		return nil
	}
	if v.Type() == reflect.TypeFor[netip.Addr]() {
		a, err := parseAddr(s)
		if err != nil {
			return err
		}
		v.Set(reflect.ValueOf(a))
		return nil
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if integer { // 0x1BB and 8_080 are integers in TOML
			n, err := strconv.ParseInt(s, 0, 64)
			if err != nil {
				return errors.New("must be " + wanted(v.Type()))
			}
			s = strconv.FormatInt(n, 10)
		}
		return u.UnmarshalText([]byte(s))
	}
	switch {
	case v.Kind() == reflect.String && !integer:
		v.SetString(s)
	case v.Kind() == reflect.Int:
		n, err := strconv.ParseInt(s, 0, 0)
		if err != nil || !integer {
			return errors.New("must be an integer")
		}
		v.SetInt(n)
	case v.Kind() == reflect.Slice && !isTable(v.Type().Elem()):
		list := reflect.MakeSlice(v.Type(), 1, 1)
		if err := setText(list.Index(0), s, integer); err != nil {
			return err
		}
		v.Set(list)
	default:
		return errors.New("must be " + wanted(v.Type()))
	}
	return nil
}
