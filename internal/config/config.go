// Package config is config.toml: one struct, its defaults, a strict
// decode and a validation that reports every fault at once with file and
// line. It remembers where each value is from.
//
// Flags win over environment, environment over file, file over defaults.
package config

import (
	"net/netip"
	"time"
)

// Config is everything that can be configured. Durations and sizes carry
// their unit in the file ("1s", "400d", "256 MiB"); an empty path, name or
// list is "not set".
type Config struct {
	Node    Node    `toml:"node"`
	Spool   Spool   `toml:"spool"`
	Archive Archive `toml:"archive"`
	Run     Run     `toml:"run"`
	Trace   Trace   `toml:"trace"`
	Watch   Watch   `toml:"watch"`
	Targets Targets `toml:"targets"`
	Serve   Serve   `toml:"serve"`
	ASN     ASN     `toml:"asn"`
	Ticket  Ticket  `toml:"ticket"`
	Hooks   []Hook  `toml:"hook"`
	Nodes   []Peer  `toml:"nodes"`
	Zabbix  Zabbix  `toml:"zabbix"`
	S3      S3      `toml:"s3"`

	file    string
	origins map[string]Origin
}

// Node is this machine, as reports name it.
type Node struct {
	Name    string     `toml:"name"`    // Load fills in the host name
	Place   string     `toml:"place"`   // "Hong Kong, TKO"
	Address netip.Addr `toml:"address"` // public address, where it differs from the one that packets leave with
}

// Spool is the durable job directory and what must stay free on its disk
// for a job to be accepted.
type Spool struct {
	Dir           string `toml:"dir"`
	ReserveBytes  Bytes  `toml:"reserve_bytes"`
	ReserveInodes int    `toml:"reserve_inodes"`
}

// Archive is the directory of reports by date.
type Archive struct {
	Dir           string   `toml:"dir"`
	Zone          string   `toml:"zone"` // whose midnight parts the days; after Load always an IANA name
	Keep          Duration `toml:"keep"`
	KeepIncidents Duration `toml:"keep_incidents"`
	MaxSize       Bytes    `toml:"max_size"`       // 0: no limit
	CompressAfter Duration `toml:"compress_after"` // 0: never
	CacheDir      string   `toml:"cache_dir"`
}

// Run bounds what `mtrq run` does at once.
type Run struct {
	Jobs      int    `toml:"jobs"`       // long looks together; first looks are not bounded by it
	MaxPPS    int    `toml:"max_pps"`    // probes of all traces, packets a second
	PolitePPS int    `toml:"polite_pps"` // probes to one router after the first look, packets a second
	MTRPacket string `toml:"mtr_packet"` // path; empty: looked for in PATH
}

// Trace is how a job is traced that does not say otherwise.
type Trace struct {
	Protocol    string     `toml:"protocol"` // icmp, udp, tcp
	Port        int        `toml:"port"`     // 0: 443 for tcp, 33434 for udp
	Interval    Duration   `toml:"interval"` // between rounds of the long look
	MinPackets  int        `toml:"min_packets"`
	Tail        Duration   `toml:"tail"` // how long the target must have been clean
	MaxDuration Duration   `toml:"max_duration"`
	MaxTTL      int        `toml:"max_ttl"`
	Source      netip.Addr `toml:"source"` // local address to probe from; invalid: the kernel's choice
}

// Watch is the watchdog.
type Watch struct {
	Interval Duration `toml:"interval"`
	Targets  []string `toml:"targets"`
	Files    []string `toml:"files"` // directories or files of targets (file_sd)
	URLs     []string `toml:"urls"`  // lists of targets (http_sd)
	Open     Window   `toml:"open"`  // an incident opens at so many misses
	Slow     Window   `toml:"slow"`  // or at so many in a longer window
	Anchors  []string `toml:"anchors"`
	MaxPPS   int      `toml:"max_pps"`
	Groups   []Group  `toml:"group"`
}

// Group is [[watch.group]]: targets that are watched in their own way.
type Group struct {
	Name     string            `toml:"name"`
	Targets  []string          `toml:"targets"`
	Interval Duration          `toml:"interval"` // 0: that of [watch]
	Protocol string            `toml:"protocol"` // empty: icmp
	Tags     map[string]string `toml:"tags"`
}

// Targets is what may be traced, judged on the resolved address: Deny
// wins, an empty Allow is everything.
type Targets struct {
	Allow []netip.Prefix `toml:"allow"`
	Deny  []netip.Prefix `toml:"deny"`
}

// Serve is the HTTP side. Tokens are named by the path of their file and
// never stand in config.toml.
type Serve struct {
	Listen         []string       `toml:"listen"` // host:port, tls:host:port, unix:/path, systemd
	TokensFile     string         `toml:"tokens_file"`
	AllowFrom      []netip.Prefix `toml:"allow_from"`  // may enqueue without a token
	ReadFrom       []netip.Prefix `toml:"read_from"`   // may read; empty: whoever can connect
	ReadTokens     string         `toml:"read_tokens"` // path
	TrustedProxies []netip.Prefix `toml:"trusted_proxies"`
	Ports          []PortRange    `toml:"ports"` // TCP and UDP ports that http and node may ask for
	TLSCert        string         `toml:"tls_cert"`
	TLSKey         string         `toml:"tls_key"`
	PublicURL      []string       `toml:"public_url"`      // the first is the one that links use
	ClientRate     int            `toml:"client_rate"`     // jobs a second that one client may ask for …
	ClientBurst    int            `toml:"client_burst"`    // … on top of so many at once
	MetricsTargets int            `toml:"metrics_targets"` // watched targets that /metrics names; 0: none
	ReverseDNS     string         `toml:"reverse_dns"`     // for pages: empty (none), "system", address, address:port
}

// DNSServer is the server that ReverseDNS names, "192.0.2.53",
// "192.0.2.53:5353" or "[2001:db8::53]:53"; the zero value where that is empty or
// "system", the resolver that this machine is set up with. Anything else is not ok.
func (s Serve) DNSServer() (server netip.AddrPort, ok bool) {
	if s.ReverseDNS == "" || s.ReverseDNS == "system" {
		return netip.AddrPort{}, true
	}
	if a, err := netip.ParseAddr(s.ReverseDNS); err == nil {
		return netip.AddrPortFrom(a, 53), true
	}
	server, err := netip.ParseAddrPort(s.ReverseDNS)
	return server, err == nil && server.Port() > 0
}

// ASN is local data that names the network of an address.
type ASN struct {
	Database string `toml:"database"` // path of an MMDB file
}

// Ticket is what a carrier asks for and no trace can know. Tags of a target
// or a job, of the same names, win over it.
type Ticket struct {
	Profile  string         `toml:"profile"`  // a key of report.Profiles; empty: generic
	Circuit  string         `toml:"circuit"`  // number of the line
	Customer string         `toml:"customer"` // number or name
	Contact  string         `toml:"contact"`
	Own      []netip.Prefix `toml:"own"` // own networks, blanked by --redact
}

// Hook is [[hook]]: what is told when something happens. Exactly one of
// Command (program and arguments, no shell) and URL is set.
type Hook struct {
	On       []string `toml:"on"` // incident-open, incident-close
	Command  []string `toml:"command"`
	URL      string   `toml:"url"`
	Template string   `toml:"template"` // path; empty: the default body
	Timeout  Duration `toml:"timeout"`  // of one attempt
}

// defaultHook is what [[hook]] begins with.
func defaultHook() Hook { return Hook{Timeout: Duration(10 * time.Second)} }

// Peer is [[nodes]]: another machine that runs mtrq.
type Peer struct {
	Name      string       `toml:"name"`
	Place     string       `toml:"place"`
	URLs      []string     `toml:"urls"` // in the order they are tried
	Addresses []netip.Addr `toml:"addresses"`
	TokenFile string       `toml:"token_file"`
}

// Zabbix is where watched hosts come from and acknowledgements go to.
type Zabbix struct {
	URL       string `toml:"url"`
	TokenFile string `toml:"token_file"`
}

// S3 is object storage for an archive bigger than one machine.
type S3 struct {
	Endpoint        string `toml:"endpoint"`
	Bucket          string `toml:"bucket"`
	Prefix          string `toml:"prefix"`
	CredentialsFile string `toml:"credentials_file"`
}

// day is what "d" means in a duration; a day of a calendar may have 23 or
// 25 hours, which matters to nobody who keeps reports for 400 of them.
const day = 24 * time.Hour

// Default returns the configuration of a machine that has no file and no
// flags, run by root. The name of the node and the zone are found by Load.
func Default() *Config {
	return &Config{
		Spool: Spool{
			Dir:           "/var/spool/mtrq",
			ReserveBytes:  256 << 20,
			ReserveInodes: 10_000,
		},
		Archive: Archive{
			Dir:           "/var/lib/mtrq/archive",
			Zone:          "Local",
			Keep:          Duration(400 * day),
			KeepIncidents: Duration(1200 * day),
			CacheDir:      "/var/cache/mtrq",
		},
		Run: Run{Jobs: 200, MaxPPS: 5000, PolitePPS: 10},
		Trace: Trace{
			Protocol:    "icmp",
			Interval:    Duration(time.Second),
			MinPackets:  100,
			Tail:        Duration(10 * time.Second),
			MaxDuration: Duration(300 * time.Second),
			MaxTTL:      30,
		},
		Watch: Watch{
			Interval: Duration(time.Second),
			Open:     Window{Lost: 3, Of: 12},
			Slow:     Window{Lost: 6, Of: 300},
			MaxPPS:   10_000,
		},
		Serve: Serve{
			Listen:    []string{"127.0.0.1:8081"},
			AllowFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
			Ports:     []PortRange{{80, 80}, {443, 443}, {33434, 33534}},

			ClientRate: 100, ClientBurst: 5000,
		},
	}
}

// File is the path that was read; empty when there was none.
func (c *Config) File() string { return c.file }
