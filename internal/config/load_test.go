package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrecedence(t *testing.T) {
	file := "[spool]\ndir = \"/file\"\n\n[run]\njobs = 7\n"
	env := map[string]string{"MTRQ_SPOOL": "/env", "MTRQ_ARCHIVE": "/env/archive"}
	for name, tt := range map[string]struct {
		file  string
		env   map[string]string
		flags []Flag
		want  string // value and origin of spool.dir
	}{
		"default":     {"", nil, nil, `"/var/spool/mtrq" default`},
		"file":        {file, nil, nil, `"/file" config.toml:2`},
		"environment": {file, env, nil, `"/env" environment MTRQ_SPOOL`},
		"flag":        {file, env, []Flag{{"--spool", "spool.dir", []string{"/flag"}}}, `"/flag" flag --spool`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(t, tt.file, tt.env, tt.flags...)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range c.Lines() {
				if l.Key == "spool.dir" {
					origin := l.Origin
					if origin.Kind == FromFile {
						origin.Name = filepath.Base(origin.Name)
					}
					if got := l.Value + " " + origin.String(); got != tt.want {
						t.Errorf("got %s, want %s", got, tt.want)
					}
				}
			}
		})
	}
}

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	c, err := load(t, "", nil,
		Flag{"-j", "run.jobs", []string{"3"}},
		Flag{"--listen", "serve.listen", []string{"127.0.0.1:1", "[::1]:2"}},
		Flag{"--spool", "spool.dir", []string{"here"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Run.Jobs != 3 || c.Spool.Dir != filepath.Join(dir, "here") {
		t.Errorf("got jobs %d, spool %s", c.Run.Jobs, c.Spool.Dir)
	}
	if d := cmp.Diff([]string{"127.0.0.1:1", "[::1]:2"}, c.Serve.Listen); d != "" {
		t.Error(d)
	}
	_, err = load(t, "", nil, Flag{"-j", "run.jobs", []string{"0"}})
	if err == nil || err.Error() != "flag -j: [run] jobs = 0: must be 1 to 10000" {
		t.Errorf("got %v", err)
	}
	_, err = load(t, "[serve]\nlisten = [\"127.0.0.1:1\"]\n", nil, Flag{"--listen", "serve.listen", []string{"8081"}})
	if err == nil || !strings.HasPrefix(err.Error(), "flag --listen: [serve] listen[0] = ") {
		t.Errorf("got %v, want the flag blamed and not the file", err)
	}
}

func TestHome(t *testing.T) {
	for name, tt := range map[string]struct {
		env  map[string]string
		file bool
		root bool
		want string // spool.dir, or part of the error
	}{
		"root":                   {root: true, want: "/var/spool/mtrq"},
		"user with the file":     {file: true, want: "/var/spool/mtrq"},
		"XDG_STATE_HOME":         {env: map[string]string{"XDG_STATE_HOME": "/x", "HOME": "/h"}, want: "/x/mtrq/spool"},
		"HOME":                   {env: map[string]string{"HOME": "/h"}, want: "/h/.local/state/mtrq/spool"},
		"relative is not set":    {env: map[string]string{"XDG_STATE_HOME": "x", "HOME": "/h"}, want: "/h/.local/state/mtrq/spool"},
		"nothing":                {want: "neither XDG_STATE_HOME nor HOME is set"},
		"environment still wins": {env: map[string]string{"HOME": "/h", "MTRQ_SPOOL": "/s"}, want: "/s"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			if tt.file {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c, err := Load(Options{
				Getenv:  func(k string) string { return tt.env[k] },
				Machine: &Machine{Root: tt.root, Hostname: "a", ConfigFile: path},
			})
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = c.Spool.Dir
			}
			if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestLocalZone(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "localtime")
	if err := os.Symlink("../usr/share/zoneinfo/Europe/Berlin", link); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ tz, localtime, want string }{
		"TZ":               {"Asia/Shanghai", link, "Asia/Shanghai"},
		"TZ with a colon":  {":Asia/Shanghai", link, "Asia/Shanghai"},
		"TZ is a path":     {"/usr/share/zoneinfo/Asia/Shanghai", link, "Asia/Shanghai"},
		"TZ is a rule":     {"CET-1CEST", link, "Europe/Berlin"},
		"link":             {"", link, "Europe/Berlin"},
		"a copy of a zone": {"", plain, "UTC"},
		"no file":          {"", filepath.Join(dir, "none"), "UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := localZone(func(string) string { return tt.tz }, tt.localtime)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTypes(t *testing.T) {
	for in, want := range map[string]string{
		"400d": "400d", "1d12h": "1d12h", "90m": "1h30m", "60s": "1m", "1.5s": "1.5s", "0s": "0s", "24h": "1d", "36h0m1s": "1d12h0m1s",
		"": "bad", "1": "bad", "-1s": "bad", "1d-1h": "bad", "999999999d": "bad", "106751d24h": "bad", "1w": "bad",
	} {
		var d Duration
		got := "bad"
		if err := d.UnmarshalText([]byte(in)); err == nil {
			got = d.String()
		}
		if got != want {
			t.Errorf("duration %q: got %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"256 MiB": "256 MiB", "256mib": "256 MiB", "1.5 GB": "1500 MB", "1024": "1 KiB", "0": "0 B", "1000": "1 kB", "1.5": "bad", "1 XB": "bad", "-1": "bad", "9999999 TiB": "bad", "": "bad",
	} {
		var b Bytes
		got := "bad"
		if err := b.UnmarshalText([]byte(in)); err == nil {
			got = b.String()
		}
		if got != want {
			t.Errorf("size %q: got %s, want %s", in, got, want)
		}
	}
}
