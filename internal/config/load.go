package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// maxFileBytes bounds config.toml; a list of targets that long belongs
// into [watch] files.
const maxFileBytes = 4 << 20

// Options says what Load goes by. The zero value is this process's own
// environment, no flags, this machine.
type Options struct {
	Path    string              // --config; empty: MTRQ_CONFIG, then the machine's own file where it exists
	Getenv  func(string) string // nil: os.Getenv
	Flags   []Flag
	Machine *Machine // nil: ThisMachine()
}

// A Flag is a value from the command line. Values has one entry, or
// several where the key is a list.
type Flag struct {
	Name   string // as typed: "--spool", "-j"
	Key    string // "spool.dir", "run.jobs"
	Values []string
}

// Machine is what defaults are found from.
type Machine struct {
	Root       bool   // user 0: /var; anyone else without a file: $XDG_STATE_HOME
	Hostname   string // default of [node] name
	ConfigFile string // read where it exists and no other is named
	Localtime  string // link whose target names the zone
}

// ThisMachine is the machine that the process runs on.
func ThisMachine() Machine {
	host, err := os.Hostname()
	if err != nil {
		host = "" // Validate then asks for [node] name
	}
	return Machine{
		Root:       os.Geteuid() == 0,
		Hostname:   host,
		ConfigFile: "/etc/mtrq/config.toml",
		Localtime:  "/etc/localtime",
	}
}

// Load finds the configuration in force. Its error is an *Error with every
// fault; ErrConfig matches it.
func Load(opt Options) (*Config, error) {
	l := &loader{getenv: opt.Getenv, faults: &faults{}, cfg: Default()}
	if l.getenv == nil {
		l.getenv = os.Getenv
	}
	if opt.Machine != nil {
		l.machine = *opt.Machine
	} else {
		l.machine = ThisMachine()
	}
	l.cfg.origins = map[string]Origin{}

	if err := l.readFile(opt.Path); err != nil {
		return nil, err
	}
	for _, v := range []struct{ name, key string }{{"MTRQ_SPOOL", "spool.dir"}, {"MTRQ_ARCHIVE", "archive.dir"}} {
		if value := l.getenv(v.name); value != "" {
			l.override(v.key, []string{value}, Origin{Kind: FromEnvironment, Name: v.name})
		}
	}
	for _, f := range opt.Flags {
		l.override(f.Key, f.Values, Origin{Kind: FromFlag, Name: f.Name})
	}
	l.findDefaults()
	validate(l.cfg, l.faults)
	if err := l.faults.err(); err != nil {
		return nil, err
	}
	return l.cfg, nil
}

type loader struct {
	getenv  func(string) string
	machine Machine
	cfg     *Config
	faults  *faults
}

// readFile reads the file that is named, or the machine's own where it
// exists. Without any, a user who is not root gets directories that they
// can write.
func (l *loader) readFile(path string) error {
	origin, named := Origin{Kind: FromFlag, Name: "--config"}, true
	if path == "" {
		path, origin = l.getenv("MTRQ_CONFIG"), Origin{Kind: FromEnvironment, Name: "MTRQ_CONFIG"}
	}
	if path == "" {
		path, named, origin = l.machine.ConfigFile, false, Origin{Kind: FromFile, Name: l.machine.ConfigFile}
	}
	data, err := read(path)
	if !named && errors.Is(err, fs.ErrNotExist) {
		if !l.machine.Root {
			return l.homeDirs()
		}
		return nil
	}
	if err != nil {
		return &Error{Faults: []Fault{{Origin: origin, Text: err.Error()}}, Cause: err}
	}
	l.cfg.file = path
	decode(path, data, l.cfg, l.faults)
	return nil
}

// read reads at most maxFileBytes.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("read configuration: %s is longer than %s: put targets into a file named in [watch] files", path, Bytes(maxFileBytes))
	}
	return data, nil
}

// homeDirs is where everything lives without root and file (XDG Base
// Directory Specification 0.8: a relative path counts as not set).
func (l *loader) homeDirs() error {
	state, name := l.getenv("XDG_STATE_HOME"), "XDG_STATE_HOME"
	if !filepath.IsAbs(state) {
		home := l.getenv("HOME")
		if !filepath.IsAbs(home) {
			return &Error{Faults: []Fault{{Text: "no place for the spool: not root, no " + l.machine.ConfigFile + ", and neither XDG_STATE_HOME nor HOME is set; give --config, or --spool and --archive with HOME"}}}
		}
		state, name = filepath.Join(home, ".local", "state"), "HOME"
	}
	dir := filepath.Join(state, "mtrq")
	l.cfg.Spool.Dir = filepath.Join(dir, "spool")
	l.cfg.Archive.Dir = filepath.Join(dir, "archive")
	l.cfg.Archive.CacheDir = filepath.Join(dir, "cache")
	for _, key := range []string{"spool.dir", "archive.dir", "archive.cache_dir"} {
		l.cfg.origins[key] = Origin{Name: "below $" + name}
	}
	return nil
}

// override sets a key from a variable or a flag. A directory may be
// relative there: whoever types it sees where they are.
func (l *loader) override(key string, values []string, o Origin) {
	v, ok := lookup(l.cfg, key)
	if !ok {
		panic("config: no key " + key + " for " + o.String()) // a command that names a key that is not there
	}
	if isDir(key) {
		for i, dir := range values {
			abs, err := filepath.Abs(dir)
			if err != nil {
				l.faults.add(Fault{o, key, quoteTOML(dir), "cannot be made absolute: " + err.Error()})
				return
			}
			values = append(slices.Clone(values[:i]), append([]string{abs}, values[i+1:]...)...)
		}
	}
	if err := setValues(v, values); err != nil {
		l.faults.add(Fault{o, key, quoteTOML(strings.Join(values, " ")), err.Error()})
		return
	}
	maps.DeleteFunc(l.cfg.origins, func(k string, _ Origin) bool { return strings.HasPrefix(k, key+"[") }) // of a list in the file
	l.cfg.origins[key] = o
}

// setValues sets v to words of the command line.
func setValues(v reflect.Value, values []string) error {
	if v.Kind() == reflect.Slice {
		list := reflect.MakeSlice(v.Type(), len(values), len(values))
		for i, s := range values {
			if err := setText(list.Index(i), s, false); err != nil {
				return err
			}
		}
		v.Set(list)
		return nil
	}
	if len(values) != 1 {
		return errors.New("must be given once")
	}
	return setText(v, values[0], v.Kind() == reflect.Int)
}

// findDefaults fills in what only the machine knows. What is told apart
// from its default by being empty must not have been blamed already.
func (l *loader) findDefaults() {
	if l.cfg.Node.Name == "" {
		l.cfg.Node.Name = l.machine.Hostname
		l.cfg.origins["node.name"] = Origin{Name: "host name"}
	}
	if l.cfg.Archive.Zone == "Local" {
		name, how := localZone(l.getenv, l.machine.Localtime)
		o := l.cfg.Origin("archive.zone")
		if o.Kind == FromDefault {
			o.Name = how
		}
		l.cfg.Archive.Zone = name
		l.cfg.origins["archive.zone"] = o
	}
}

func isDir(key string) bool {
	return key == "spool.dir" || key == "archive.dir" || key == "archive.cache_dir"
}
