package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

var (
	tagPattern   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	labelPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	digitPattern = regexp.MustCompile(`^[0-9]+$`)
)

// historyPings is how far the watchdog can look back (300 s at one a second).
const historyPings = 300

func (k *checker) watch() {
	w := k.c.Watch
	k.rhythm("watch.interval", w.Interval)
	k.window("watch.open", w.Open)
	k.window("watch.slow", w.Slow)
	between(k, "watch.max_pps", w.MaxPPS, 1, 100_000)
	k.targets("watch.targets", w.Targets)
	k.targets("watch.anchors", w.Anchors)
	for i, p := range w.Files {
		k.dir(fmt.Sprintf("watch.files[%d]", i), p)
	}
	k.urls("watch.urls", w.URLs)
	pps := perSecond(len(w.Targets), w.Interval)
	seen := map[string]bool{}
	for i, g := range w.Groups {
		key := fmt.Sprintf("watch.group[%d]", i)
		k.uniqueName(key+".name", g.Name, seen)
		if len(g.Targets) == 0 {
			k.bad(key+".targets", nil, "must have at least one target")
		}
		k.targets(key+".targets", g.Targets)
		interval := w.Interval
		if g.Interval != 0 {
			interval = g.Interval
			k.rhythm(key+".interval", g.Interval)
		}
		pps += perSecond(len(g.Targets), interval)
		if g.Protocol != "" {
			k.oneOf(key+".protocol", g.Protocol, "icmp", "udp", "tcp")
		}
		k.tags(key+".tags", g.Tags)
	}
	if pps > float64(w.MaxPPS) {
		k.bad("watch.max_pps", w.MaxPPS, fmt.Sprintf("is too few for the targets of [watch], which need %.0f pings a second", pps))
	}
}

func perSecond(targets int, interval Duration) float64 {
	if interval <= 0 {
		return 0 // blamed as out of range
	}
	return float64(targets) / time.Duration(interval).Seconds()
}

func (k *checker) rhythm(key string, d Duration) {
	between(k, key, d, Duration(200*time.Millisecond), Duration(time.Minute))
}

func (k *checker) window(key string, w Window) {
	if w.Lost < 1 || w.Lost > w.Of || w.Of > historyPings {
		k.bad(key, w, fmt.Sprintf("must be misses of pings with 1 <= misses <= pings <= %d", historyPings))
	}
}

func (k *checker) serve() {
	s := k.c.Serve
	if len(s.Listen) == 0 {
		k.bad("serve.listen", s.Listen, `must have at least one address such as "127.0.0.1:8081"`)
	}
	encrypted, seen := false, map[string]bool{}
	for i, l := range s.Listen {
		if !validListen(l) {
			k.bad(fmt.Sprintf("serve.listen[%d]", i), l, `must be address:port, such as "127.0.0.1:8081", "[::1]:8081", "localhost:8081" or ":8081" for all, the same after "tls:", "unix:/run/mtrq/serve.sock" or "systemd"`)
		}
		if seen[l] && !strings.HasSuffix(l, ":0") {
			k.bad(fmt.Sprintf("serve.listen[%d]", i), l, "must stand once")
		}
		seen[l] = true
		encrypted = encrypted || strings.HasPrefix(l, "tls:")
	}
	k.path("serve.tokens_file", s.TokensFile)
	k.path("serve.read_tokens", s.ReadTokens)
	k.path("serve.tls_cert", s.TLSCert)
	k.path("serve.tls_key", s.TLSKey)
	if s.TLSCert != "" && s.TLSKey == "" {
		k.bad("serve.tls_key", s.TLSKey, "must be given together with [serve] tls_cert")
	}
	if s.TLSKey != "" && s.TLSCert == "" {
		k.bad("serve.tls_cert", s.TLSCert, "must be given together with [serve] tls_key")
	}
	if encrypted && s.TLSCert == "" && s.TLSKey == "" {
		k.bad("serve.tls_cert", s.TLSCert, `must be given, and tls_key: [serve] listen has an address with "tls:"`)
	}
	if !encrypted && s.TLSCert != "" && s.TLSKey != "" {
		k.bad("serve.tls_cert", s.TLSCert, `is for addresses with "tls:" before them, of which [serve] listen has none: write "tls:0.0.0.0:8443"`)
	}
	k.urls("serve.public_url", s.PublicURL)
	for i, u := range s.PublicURL {
		k.wholeHost(fmt.Sprintf("serve.public_url[%d]", i), u)
	}
	between(k, "serve.client_rate", s.ClientRate, 1, 100_000)
	between(k, "serve.client_burst", s.ClientBurst, 1, 100_000)
	between(k, "serve.metrics_targets", s.MetricsTargets, 0, 10_000)
	if _, ok := s.DNSServer(); !ok {
		k.bad("serve.reverse_dns", s.ReverseDNS, `must be "system", or a DNS server as address or address:port, such as "192.0.2.53" or "[2001:db8::53]:53"`)
	}
}

func (k *checker) others() {
	c := k.c
	k.path("asn.database", c.ASN.Database)
	k.words("ticket.profile", c.Ticket.Profile)
	k.words("ticket.circuit", c.Ticket.Circuit)
	k.words("ticket.customer", c.Ticket.Customer)
	k.words("ticket.contact", c.Ticket.Contact)
	for i, h := range c.Hooks {
		key := fmt.Sprintf("hook[%d]", i)
		if len(h.On) == 0 {
			k.bad(key+".on", nil, "must name what the hook is for: incident-open, incident-close")
		}
		for j, on := range h.On {
			k.oneOf(fmt.Sprintf("%s.on[%d]", key, j), on, "incident-open", "incident-close")
		}
		if (len(h.Command) == 0) == (h.URL == "") {
			k.bad(key+".command", nil, "must be given, or url: exactly one of them")
		}
		if len(h.Command) > 0 {
			k.dir(key+".command[0]", h.Command[0])
		}
		if h.URL != "" {
			k.url(key+".url", h.URL)
		}
		k.path(key+".template", h.Template)
		between(k, key+".timeout", h.Timeout, Duration(time.Second), Duration(5*time.Minute))
	}
	seen := map[string]bool{}
	for i, p := range c.Nodes {
		key := fmt.Sprintf("nodes[%d]", i)
		k.uniqueName(key+".name", p.Name, seen)
		k.words(key+".place", p.Place)
		if len(p.URLs) == 0 {
			k.bad(key+".urls", nil, "must have at least one URL")
		}
		k.urls(key+".urls", p.URLs)
		k.path(key+".token_file", p.TokenFile)
	}
	if c.Zabbix.URL != "" {
		k.url("zabbix.url", c.Zabbix.URL)
	}
	k.path("zabbix.token_file", c.Zabbix.TokenFile)
	if c.S3.Endpoint != "" {
		k.url("s3.endpoint", c.S3.Endpoint)
		if c.S3.Bucket == "" {
			k.bad("s3.bucket", c.S3.Bucket, "must be given together with [s3] endpoint")
		}
	}
	k.words("s3.bucket", c.S3.Bucket)
	k.words("s3.prefix", c.S3.Prefix)
	k.path("s3.credentials_file", c.S3.CredentialsFile)
}

func (k *checker) uniqueName(key, name string, seen map[string]bool) {
	if !namePattern.MatchString(name) {
		k.bad(key, name, "must be 1 to 63 of A-Z a-z 0-9 . _ - and begin with a letter or digit")
	} else if seen[name] {
		k.bad(key, name, "must be given to one table only")
	}
	seen[name] = true
}

func (k *checker) tags(key string, tags map[string]string) {
	if len(tags) > 32 {
		k.bad(key, nil, "must have at most 32 keys")
	}
	for name, v := range tags {
		if !tagPattern.MatchString(name) {
			k.bad(join(key, name), v, "must have a key of 1 to 64 of A-Z a-z 0-9 _ . -")
		}
		k.words(join(key, name), v)
	}
}

func (k *checker) targets(key string, list []string) {
	for i, t := range list {
		if !validTarget(t) {
			k.bad(fmt.Sprintf("%s[%d]", key, i), t, "must be an IP address without zone, or a host name")
		}
	}
}

// wholeHost wants a URL without path and query: links, redirects and pages all
// begin at "/".
func (k *checker) wholeHost(key, s string) {
	u, err := url.Parse(s)
	if err == nil && (u.RawQuery != "" || u.ForceQuery || strings.Trim(u.Path, "/") != "") {
		k.bad(key, u.Redacted(), `must have no path and no query, such as "https://mtrq.example.net": pages and links begin at "/"`)
	}
}

func (k *checker) urls(key string, list []string) {
	for i, u := range list {
		k.url(fmt.Sprintf("%s[%d]", key, i), u)
	}
}

// url wants http or https with a host. A password in it would be printed
// by `mtrq config` and stand in logs.
func (k *checker) url(key, s string) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.Fragment != "" {
		if strings.Contains(s, "@") { // may hold a password, which is not for the terminal
			k.bad(key, nil, `must be a URL such as "https://mtrq.example.net", without user or password`)
			return
		}
		k.bad(key, s, `must be a URL such as "https://mtrq.example.net"`)
		return
	}
	if u.User != nil {
		k.bad(key, u.Redacted(), "must not hold a user or password: name a token file")
	}
}

// validListen accepts host:port where host is an address, "localhost" or
// nothing (all of this machine's), the same after "tls:", "systemd", or
// "unix:" and an absolute path. A path of a socket has at most 107 bytes.
func validListen(s string) bool {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "/") && len(path) <= 107 && !strings.ContainsFunc(path, unicode.IsControl)
	}
	s = strings.TrimPrefix(s, "tls:")
	if s == "systemd" {
		return true
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	// Port 0 is any free one, which tests and a desk want.
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return false
	}
	if host == "" || host == "localhost" {
		return true
	}
	_, err = netip.ParseAddr(host)
	return err == nil
}

// validTarget accepts an address or a name (RFC 1123 section 2.1: labels
// of 1 to 63, at most 253 in all, the last not all digits).
func validTarget(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == ""
	}
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !labelPattern.MatchString(l) {
			return false
		}
	}
	return !digitPattern.MatchString(labels[len(labels)-1])
}
