package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// compareConfig looks at values only, not at where they are from.
func compareConfig() cmp.Options {
	return cmp.Options{
		cmpopts.IgnoreUnexported(Config{}),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmpopts.EquateEmpty(),
	}
}

// load loads text as the machine's own file, in an environment of its own.
func load(t testing.TB, text string, env map[string]string, flags ...Flag) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(Options{
		Getenv:  func(k string) string { return env[k] },
		Flags:   flags,
		Machine: &Machine{Root: true, Hostname: "hk1", ConfigFile: path, Localtime: "/nowhere"},
	})
}

// wantDefault is Default with what Load finds on load's machine.
func wantDefault() *Config {
	c := Default()
	c.Node.Name, c.Archive.Zone = "hk1", "UTC"
	return c
}

func TestExampleIsDefault(t *testing.T) {
	data, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`(?m)^#([a-z_0-9]+ = )`)
	for name, text := range map[string]string{
		"as it is":    string(data),
		"uncommented": key.ReplaceAllString(string(data), "$1"),
	} {
		got, err := load(t, text, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(wantDefault(), got, compareConfig()); d != "" {
			t.Errorf("%s: -default +example\n%s", name, d)
		}
		if name == "as it is" {
			continue
		}
		for _, l := range got.Lines() {
			if l.Origin.Kind != FromFile && l.Key != "node.name" {
				t.Errorf("%s is not in config.example.toml", l.Key)
			}
		}
	}
	// The indented samples are valid too and set every key of their tables.
	sample := regexp.MustCompile(`(?m)^#   (.*)$`).ReplaceAllString(string(data), "$1")
	got, err := load(t, sample, nil)
	if err != nil {
		t.Fatalf("samples: %v", err)
	}
	if len(got.Watch.Groups) != 1 || len(got.Hooks) != 1 || len(got.Nodes) != 1 {
		t.Fatalf("samples gave %d groups, %d hooks, %d nodes; want 1 each", len(got.Watch.Groups), len(got.Hooks), len(got.Nodes))
	}
	wantHook := defaultHook() // the sample shows the default timeout
	wantHook.On = []string{"incident-open", "incident-close"}
	wantHook.Command = []string{"/usr/local/bin/notify", "--channel", "noc"}
	wantHook.Template = "/etc/mtrq/notify.tmpl"
	if d := cmp.Diff(wantHook, got.Hooks[0], cmpopts.EquateEmpty()); d != "" {
		t.Errorf("sample of [[hook]]: -want +got\n%s", d)
	}
	if o := got.Origin("hook[0].timeout"); o.Line == got.Origin("hook[0]").Line {
		t.Error("the sample of [[hook]] does not show timeout")
	}
}

func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"unknown key":         {"[watch]\nintervall = \"1s\"", []string{`:2: [watch] intervall: unknown key; did you mean "interval"?`}},
		"unknown table":       {"[wacth]\ninterval = \"1s\"", []string{`:1: wacth: unknown key; did you mean "watch"?`}},
		"case counts":         {"[run]\nJobs = 5", []string{`:2: [run] Jobs: unknown key; did you mean "jobs"?`}},
		"unknown in a list":   {"[[nodes]]\nname=\"a\"\nurls=\"http://a\"\nurl = \"x\"", []string{`:4: [[nodes]] number 1, url: unknown key; did you mean "urls"?`}},
		"unknown in inline":   {"nodes = [{name=\"a\", urls=\"http://a\", toll=1}]", []string{`:1: [[nodes]] number 1, toll: unknown key`}},
		"syntax":              {"[run]\njobs = = 5", []string{`:2: `}},
		"key twice":           {"[run]\njobs = 5\njobs = 6", []string{`:3: `}},
		"every fault at once": {"[run]\njobs = 0\nmax_pps = \"many\"\npolite_pps = 5000\n\n[trace]\ntail = \"soon\"\nmax_ttl = 65", []string{`:2: [run] jobs = 0: must be 1 to 10000`, `:3: [run] max_pps = "many": must be an integer`, `:4: [run] polite_pps = 5000: must be 1 to 1000`, `:7: [trace] tail = "soon": is no duration: write a number with a unit, such as "200ms", "10s", "5m" or "400d"`, `:8: [trace] max_ttl = 65: must be 1 to 64`}},
		"duration number":     {"[trace]\ninterval = 1", []string{`:2: [trace] interval = 1: is no duration: write a number with a unit, such as "200ms", "10s", "5m" or "400d"`}},
		"duration range":      {"[watch]\ninterval = \"10ms\"", []string{`:2: [watch] interval = "10ms": must be 200ms to 1m`}},
		"negative duration":   {"[trace]\ntail = \"-5s\"", []string{`:2: [trace] tail = "-5s": is no duration: write a number with a unit, such as "200ms", "10s", "5m" or "400d"`}},
		"prefix bits":         {"[targets]\ndeny = [\n  \"10.0.0.0/8\",\n  \"192.0.2.7/24\",\n]", []string{`:4: [targets] deny[1] = "192.0.2.7/24": has bits set behind its length: write 192.0.2.0/24 or a longer prefix`}},
		"prefix empty":        {"[targets]\nallow = [\"\"]", []string{`:2: [targets] allow[0] = "": is no prefix: write "192.0.2.0/24", "2001:db8::/32" or an address`}},
		"window":              {"[watch]\nopen = \"13/12\"\nslow = \"6 of 300\"", []string{`:2: [watch] open = "13/12": must be misses of pings with 1 <= misses <= pings <= 300`, `:3: [watch] slow = "6 of 300": is no window: write misses and pings, such as "3/12"`}},
		"a target":            {"[watch]\ntargets = [\"203.0.113.7\", \"$(reboot)\", \"10.1\"]", []string{`:2: [watch] targets[1] = "$(reboot)": must be an IP address without zone, or a host name`, `:2: [watch] targets[2] = "10.1": must be an IP address without zone, or a host name`}},
		"too many pings":      {"[watch]\ninterval = \"200ms\"\ntargets = [\"192.0.2.1\", \"192.0.2.2\"]\nmax_pps = 9", []string{`:4: [watch] max_pps = 9: is too few for the targets of [watch], which need 10 pings a second`}},
		"type of a table":     {"watch = 5", []string{`:1: watch = 5: must be a table, headed by its name in brackets`}},
		"type of a key":       {"[run.jobs]\na = 1", []string{`:1: [run] jobs: must be an integer`}},
		"array of a table":    {"[[run]]\njobs = 5", []string{`:1: run: must be a table, headed by its name in brackets`}},
		"table of an array":   {"[nodes]\nname = \"a\"", []string{`:1: nodes: must be tables, each headed by its name in double brackets`}},
		"group and no name":   {"[[watch.group]]\ntargets = \"192.0.2.1\"", []string{`:1: [[watch.group]] number 1, name = "": must be 1 to 63 of A-Z a-z 0-9 . _ - and begin with a letter or digit`}},
		"relative directory":  {"[spool]\ndir = \"spool\"", []string{`:2: [spool] dir = "spool": must be an absolute path`}},
		"zone":                {"[archive]\nzone = \"Mars/Olympus\"", []string{`:2: [archive] zone = "Mars/Olympus": must be an IANA zone name such as "Europe/Berlin", "UTC" or "Local"`}},
		"relative socket":     {"[serve]\nlisten = [\"unix:serve.sock\"]", []string{`:2: [serve] listen[0] = "unix:serve.sock": must be address:port, such as "127.0.0.1:8081", "[::1]:8081", "localhost:8081" or ":8081" for all, the same after "tls:", "unix:/run/mtrq/serve.sock" or "systemd"`}},
		"listen twice":        {"[serve]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", []string{`:2: [serve] listen[1] = "127.0.0.1:1": must stand once`}},
		"TLS, no certificate": {"[serve]\nlisten = \"tls:127.0.0.1:8443\"", []string{`[serve] tls_cert = "": must be given, and tls_key: [serve] listen has an address with "tls:"`}},
		"certificate, no TLS": {"[serve]\ntls_cert = \"/a.pem\"\ntls_key = \"/a.key\"", []string{`:2: [serve] tls_cert = "/a.pem": is for addresses with "tls:" before them, of which [serve] listen has none: write "tls:0.0.0.0:8443"`}},
		"rate":                {"[serve]\nclient_rate = 0\nmetrics_targets = -1", []string{`:2: [serve] client_rate = 0: must be 1 to 100000`, `:3: [serve] metrics_targets = -1: must be 0 to 10000`}},
		"reverse_dns":         {"[serve]\nreverse_dns = \"yes\"", []string{`:2: [serve] reverse_dns = "yes": must be "system", or a DNS server as address or address:port, such as "192.0.2.53" or "[2001:db8::53]:53"`}},
		"half of TLS":         {"[serve]\ntls_cert = \"/a.pem\"", []string{`[serve] tls_key = "": must be given together with [serve] tls_cert`}},
		"password in a URL":   {"[zabbix]\nurl = \"https://u:secret@z\"", []string{`:2: [zabbix] url = "https://u:xxxxx@z": must not hold a user or password: name a token file`}},
		"public_url's path": {"[serve]\npublic_url = [\"https://x/\", \"https://x/mtrq\", \"https://x/?a\", \"https://x?\"]", []string{
			`:2: [serve] public_url[1] = "https://x/mtrq": must have no path and no query, such as "https://mtrq.example.net": pages and links begin at "/"`,
			`:2: [serve] public_url[2] = "https://x/?a": must have no path and no query, such as "https://mtrq.example.net": pages and links begin at "/"`,
			`:2: [serve] public_url[3] = "https://x?": must have no path and no query, such as "https://mtrq.example.net": pages and links begin at "/"`}},
		"ports":              {"[serve]\nports = [0, \"9-1\", \"http\"]", []string{`:2: [serve] ports[0] = 0: must lie in 1 to 65535, the lower first`, `:2: [serve] ports[1] = "9-1": must lie in 1 to 65535, the lower first`, `:2: [serve] ports[2] = "http": is no port: write 443 or "33434-33534"`}},
		"listen":             {"[serve]\nlisten = \"8081\"", []string{`:2: [serve] listen[0] = "8081": must be address:port, such as "127.0.0.1:8081", "[::1]:8081", "localhost:8081" or ":8081" for all, the same after "tls:", "unix:/run/mtrq/serve.sock" or "systemd"`}},
		"port with icmp":     {"[trace]\nport = 53", []string{`:2: [trace] port = 53: is for protocol "udp" or "tcp"; icmp has no ports`}},
		"control characters": {"[node]\nplace = \"a\\u001b[31m\"", []string{`:2: [node] place = "a\u001B[31m": must be at most 256 bytes without control characters`}},
		"hook without event": {"[[hook]]\nurl = \"https://hooks.example.net/a\"", []string{`:1: [[hook]] number 1, on: must name what the hook is for: incident-open, incident-close`}},
		"hook's event":       {"[[hook]]\non = [\"incident-open\", \"incident\"]\nurl = \"https://hooks.example.net/a\"", []string{`:2: [[hook]] number 1, on[1] = "incident": must be one of incident-open, incident-close`}},
		"hook's timeout":     {"[[hook]]\non = \"incident-open\"\nurl = \"https://hooks.example.net/a\"\ntimeout = \"0s\"\n[[hook]]\non = \"incident-open\"\nurl = \"https://hooks.example.net/a\"\ntimeout = \"6m\"", []string{`:4: [[hook]] number 1, timeout = "0s": must be 1s to 5m`, `:8: [[hook]] number 2, timeout = "6m": must be 1s to 5m`}},
		"hook's command":     {"hook = [{on=\"incident-close\", command=[\"notify\"]}]", []string{`:1: [[hook]] number 1, command[0] = "notify": must be an absolute path`}},
		"tag":                {"[[watch.group]]\nname=\"a\"\ntargets=\"192.0.2.1\"\n[watch.group.tags]\n\"a b\" = \"c\"\nd = 5", []string{`:5: [watch.group[0].tags] a b = "c": must have a key of 1 to 64 of A-Z a-z 0-9 _ . -`, `:6: [watch.group[0].tags] d: must be a string`}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(t, tt.text, nil)
			if err == nil {
				t.Fatal("loaded")
			}
			if cfg != nil {
				t.Error("a configuration beside an error")
			}
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, ErrConfig) {
				t.Fatalf("%T is no *Error that ErrConfig matches", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("got %d faults, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for i, l := range lines {
				_, l, _ = strings.Cut("/"+l, "config.toml")
				if l == "" {
					l = lines[i]
				}
				if l != tt.want[i] && !(strings.HasSuffix(tt.want[i], ": ") && strings.HasPrefix(l, tt.want[i])) {
					t.Errorf("got  %s\nwant %s", l, tt.want[i])
				}
			}
		})
	}
}

func TestValues(t *testing.T) {
	c, err := load(t, `
watch.open = "2/10"
archive = { zone = "Asia/Hong_Kong", keep = "1d12h" }
[spool]
reserve_bytes = 1_000_000
[serve]
listen = "[::1]:8081"
ports = 0x1BB
[targets]
deny = ["10.0.0.0/8", "2001:db8::7"]
[trace]
source = "192.0.2.7"
[[watch.group]]
name = "a"
targets = ["edge.example.net", "2001:db8::1"]
[watch.group.tags]
"x.y" = "1"
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := wantDefault()
	want.Watch.Open = Window{2, 10}
	want.Archive.Zone, want.Archive.Keep = "Asia/Hong_Kong", Duration(36*time.Hour)
	want.Spool.ReserveBytes = 1_000_000
	want.Serve.Listen, want.Serve.Ports = []string{"[::1]:8081"}, []PortRange{{443, 443}}
	want.Targets.Deny = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::7/128")}
	want.Trace.Source = netip.MustParseAddr("192.0.2.7")
	want.Watch.Groups = []Group{{Name: "a", Targets: []string{"edge.example.net", "2001:db8::1"}, Tags: map[string]string{"x.y": "1"}}}
	if d := cmp.Diff(want, c, compareConfig()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestReadErrors(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.toml")
	_, err := Load(Options{Path: none, Machine: &Machine{Root: true, Hostname: "a"}})
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrConfig) || !strings.HasPrefix(err.Error(), "flag --config: ") {
		t.Errorf("got %v, want ErrNotExist and ErrConfig from flag --config", err)
	}
	_, err = Load(Options{Getenv: func(k string) string { return map[string]string{"MTRQ_CONFIG": none}[k] }, Machine: &Machine{Hostname: "a"}})
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "environment MTRQ_CONFIG: ") {
		t.Errorf("got %v, want ErrNotExist from MTRQ_CONFIG", err)
	}
	long := filepath.Join(t.TempDir(), "long.toml")
	if err := os.WriteFile(long, []byte(strings.Repeat("#", maxFileBytes+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(Options{Path: long, Machine: &Machine{Root: true, Hostname: "a"}}); err == nil || !strings.Contains(err.Error(), "longer than 4 MiB") {
		t.Errorf("got %v, want a file too long", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("[watch]\nopen = \"3/12\"\n[[nodes]]\nname = \"a\"\nurls = [\"http://a\"]\n")
	f.Add("watch.group = [{name = \"a\", targets = [\"::1\"], tags = {a = \"b\"}}]\n")
	f.Add("[run.jobs]\n[archive]\nkeep = 1979-05-27\nnode = [[{}]]")
	example, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	f.Fuzz(func(t *testing.T, text string) {
		cfg, fs := Default(), &faults{}
		cfg.origins = map[string]Origin{}
		cfg.Node.Name = "a"
		decode("config.toml", []byte(text), cfg, fs)
		validate(cfg, fs)
		if fs.err() != nil {
			return
		}
		// What is printed is what was read.
		again, fs2 := Default(), &faults{}
		again.origins = map[string]Origin{}
		again.Node.Name = "a"
		decode("printed", []byte(print(cfg)), again, fs2)
		if err := fs2.err(); err != nil {
			t.Fatalf("printed form does not load: %v\n%s", err, print(cfg))
		}
		if d := cmp.Diff(cfg, again, compareConfig()); d != "" {
			t.Errorf("-read +printed and read\n%s", d)
		}
	})
}

// print writes Lines as a file.
func print(c *Config) string {
	var b strings.Builder
	table := ""
	for _, l := range c.Lines() {
		i := strings.LastIndexByte(l.Key, '.')
		if head := l.Key[:i]; head != table {
			table = head
			if j := strings.IndexByte(head, '['); j >= 0 {
				b.WriteString("[[" + head[:j] + "]]\n")
			} else {
				b.WriteString("[" + head + "]\n")
			}
		}
		b.WriteString(l.Key[i+1:] + " = " + l.Value + "\n")
	}
	return b.String()
}

func TestDNSServer(t *testing.T) {
	for in, want := range map[string]string{
		"": "invalid AddrPort", "system": "invalid AddrPort", "192.0.2.53": "192.0.2.53:53", "192.0.2.53:5353": "192.0.2.53:5353",
		"2001:db8::53": "[2001:db8::53]:53", "[2001:db8::53]:54": "[2001:db8::53]:54",
		"dns.example.net": "not ok", "192.0.2.53:0": "not ok", "192.0.2.53:x": "not ok", "System": "not ok",
	} {
		server, ok := Serve{ReverseDNS: in}.DNSServer()
		got := server.String()
		if !ok {
			got = "not ok"
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
