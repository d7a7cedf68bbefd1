package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/host"
	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/names/mmdbtest"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/watch"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// labPatience turns a hang into a failure; nothing is judged by it.
const labPatience = 2 * time.Minute

// A labNode is a node of a chain, wired as mtrq run wires it, but for the
// namespace that it works in and how long it waits after a loss.
type labNode struct {
	t    *testing.T
	name string
	path string // of its configuration
	cfg  *config.Config
	sp   *spool.Spool
	stop func() // tells it once, and waits
}

// startLabNode starts a node in a namespace of a chain. toml is what its
// configuration has beside its directories.
func startLabNode(t *testing.T, space *lab.Space, name, toml string) *labNode {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Join(dir, "cache"), 0o755); err != nil {
		t.Fatal(err)
	}
	n := &labNode{t: t, name: name, path: filepath.Join(dir, "config.toml")}
	text := fmt.Sprintf("[node]\nname = %q\n[spool]\ndir = %q\nreserve_bytes = 0\nreserve_inodes = 0\n[archive]\ndir = %q\nzone = \"Asia/Hong_Kong\"\ncache_dir = %q\n%s",
		name, filepath.Join(dir, "spool"), filepath.Join(dir, "archive"), filepath.Join(dir, "cache"), toml)
	err := os.WriteFile(n.path, []byte(text), 0o644)
	if err == nil {
		n.cfg, err = config.Load(config.Options{Path: n.path, Getenv: func(string) string { return "" }})
	}
	if err == nil {
		n.sp, err = openSpool(n.cfg, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	n.run(space.Do)
	return n
}

// run lets the node work until it is stopped or the test ends.
func (n *labNode) run(do func(func() error) error) {
	ar, err := archive.OpenWriter(n.cfg.Archive.Dir, n.cfg.Archive.Zone)
	if err != nil {
		n.t.Fatal(err)
	}
	var mu sync.Mutex
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(lockedWriter{&mu, &said}, nil))
	r := newRunner(n.cfg, log)
	r.Scheduler = probe.New(probe.Options{MaxPPS: n.cfg.Run.MaxPPS, PolitePPS: n.cfg.Run.PolitePPS, WatchPPS: n.cfg.Watch.MaxPPS, Do: do, Log: log})
	r.Tracer.Prober = r.Scheduler
	r.Spool, r.Archive = n.sp, ar
	dog := addWatchdog(r, n.cfg, n.sp, ar, log).dog
	dog.Pinger, dog.EchoDo, dog.Host = &watch.Pinger{Do: do}, do, &host.Reader{Do: do}
	dog.Rules.SlowLost, dog.Rules.SlowOf = 0, 0 // a busy machine is late now and then
	dog.Rules.ClearFor, dog.Rules.CleanFor, dog.Rules.QuietFor, dog.Rules.Settle = 5*time.Second, 3*time.Second, 2*time.Second, time.Second

	ctx, cancel := context.WithCancel(n.t.Context())
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- errors.Join(r.Run(ctx, stop), ar.Close()) }()
	n.stop = sync.OnceFunc(func() {
		close(stop)
		if err := <-ended; err != nil {
			n.t.Errorf("%s: run: %v", n.name, err)
		}
	})
	n.t.Cleanup(func() {
		cancel()
		n.stop()
		if n.t.Failed() {
			mu.Lock()
			defer mu.Unlock()
			n.t.Logf("log of %s:\n%s", n.name, said.String())
		}
	})
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

// await looks at what a node shows until it is as wanted.
func (n *labNode) await(what string, ok func() bool) {
	n.t.Helper()
	lab.Await(n.t, labPatience, 50*time.Millisecond, what+" of "+n.name, ok)
}

// target is one that is watched, as targets.json has it.
func (n *labNode) target(a netip.Addr) (t spool.WatchTarget, ok bool) {
	st, err := n.sp.WatchState()
	if err != nil {
		return t, false
	}
	for _, t := range st.Targets {
		if t.Address == a {
			return t, true
		}
	}
	return t, false
}

// incident is the archived one of a target, with its reports.
func (n *labNode) incident(a netip.Addr) (inc *report.Incident, reports []*report.Report) {
	ar, err := archive.Open(n.cfg.Archive.Dir)
	if err != nil {
		return nil, nil
	}
	defer ar.Close() // only read from
	list, err := ar.Incidents(archive.IncidentQuery{Target: a.String(), Limit: 1})
	if err != nil || len(list) == 0 {
		return nil, nil
	}
	if inc, err = ar.Incident(list[0].ID.String()); err != nil {
		n.t.Fatal(err)
	}
	return inc, ar.IncidentReports(inc)
}

// reported says whether the archive has a report of a job.
func (n *labNode) reported(id string) bool {
	ar, err := archive.Open(n.cfg.Archive.Dir)
	if err != nil {
		return false
	}
	defer ar.Close() // only read from
	_, err = ar.Find(id)
	return err == nil
}

// trace asks for a trace as its operator would, and waits for the report.
func (n *labNode) trace(args ...string) { n.begin(args...)() }

// begin asks for a trace; end waits for its report.
func (n *labNode) begin(args ...string) (end func()) {
	n.t.Helper()
	id, _ := n.mtrq(append([]string{"enqueue"}, args...)...)
	return func() {
		n.t.Helper()
		n.await("the report of "+strings.Join(args, " "), func() bool { return n.reported(strings.TrimSpace(id)) })
	}
}

// mtrq runs a command on the node as its operator would.
func (n *labNode) mtrq(args ...string) (out, talk string) {
	n.t.Helper()
	var o, e bytes.Buffer
	if code := mtrq(append([]string{"mtrq", "--config", n.path}, args...), strings.NewReader(""), &o, &e); code != 0 {
		n.t.Fatalf("%s: mtrq %q: exit code %d\n%s", n.name, args, code, e.String())
	}
	return o.String(), e.String()
}

// A labIncident is what is left on two nodes of a loss between them.
type labIncident struct {
	a, b    *labNode
	target  netip.Addr // of a: the address of b
	source  netip.Addr // of a
	id      string     // of a's incident
	class   report.Class
	reverse string // file: b's own report of it, in JSON
}

// loseBetween lets two nodes watch each other over real routers, loses
// packets between them in both directions for some seconds, and waits until
// both have written down what they saw. While it lasts the operator of a asks
// for a TCP trace.
func loseBetween(t *testing.T) *labIncident {
	t.Helper()
	lab.Need(t, "mtr-packet", "nft")
	const routers, bad = 4, 2 // the bad-th router loses a part of what it forwards
	c, err := lab.StartChain(lab.ChainConfig{Routers: routers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	x := &labIncident{source: netip.MustParseAddr("192.0.2.1"), target: c.Addr4(routers + 1)}

	asn := filepath.Join(t.TempDir(), "asn.mmdb")
	data := mmdbtest.Build(mmdbtest.ASN("192.0.2.0/24", 64500, "Example Net"), mmdbtest.ASN("198.18.0.0/15", 64510, "Example Transit"), mmdbtest.ASN("203.0.113.0/24", 64501, "Example Edge"))
	if err := os.WriteFile(asn, data, 0o644); err != nil {
		t.Fatal(err)
	}
	toml := func(source netip.Addr, targets ...netip.Addr) string {
		var list []string
		for _, a := range targets {
			list = append(list, fmt.Sprintf("%q", a))
		}
		return fmt.Sprintf("[run]\npolite_pps = 100\n[trace]\nmin_packets = 200\ntail = \"2s\"\nsource = %q\n[watch]\ninterval = \"200ms\"\ntargets = [%s]\n[asn]\ndatabase = %q\n"+
			"[ticket]\ncircuit = \"GZ-2231\"\ncustomer = \"C-77\"\ncontact = \"noc@example.net, +852 5550 0100\"\n", source, strings.Join(list, ", "), asn)
	}
	// Each also watches a router this side of the bad one: the clean control.
	x.a = startLabNode(t, c.Space(), "hk1", toml(x.source, x.target, c.Addr4(bad)))
	x.b = startLabNode(t, c.Target(), "gz2", toml(x.target, x.source, netip.MustParseAddr("203.0.113.1")))

	each := func(f func(n *labNode, to netip.Addr)) { f(x.a, x.target); f(x.b, x.source) }
	// The same trace before it and after: a baseline.
	x.a.trace("--rounds", "20", "--interval", "200ms", x.target.String())
	each(func(n *labNode, to netip.Addr) {
		n.await("forty answers", func() bool { w, ok := n.target(to); return ok && w.Sent-w.Lost >= 40 })
	})
	lose := func(percent float64) {
		if err := c.Loss(bad, lab.Both, percent); err != nil {
			t.Fatal(err)
		}
	}
	lose(30)
	each(func(n *labNode, to netip.Addr) {
		n.await("an open incident", func() bool { w, ok := n.target(to); return ok && w.Incident != "" })
	})
	// Not --rounds 200: a router that loses its answers is asked less often, down to once a second.
	tcp := x.a.begin("--protocol", "tcp", "--port", "443", "--interval", "100ms", x.target.String())
	each(func(n *labNode, to netip.Addr) {
		n.await("twenty lost pings", func() bool { w, ok := n.target(to); return ok && w.Lost >= 20 })
	})
	lose(0)
	tcp()
	x.a.await("recovery", func() bool { w, ok := x.a.target(x.target); return ok && w.State == spool.TargetOK })
	x.a.trace("--rounds", "20", "--interval", "200ms", x.target.String())
	each(func(n *labNode, to netip.Addr) {
		n.await("the incident and its report", func() bool { inc, reports := n.incident(to); return inc != nil && len(reports) > 0 })
	})
	x.a.stop()
	x.b.stop()

	inc, reports := x.a.incident(x.target)
	x.id, x.class = inc.ID.String(), report.JudgeIncident(inc, reports).Class
	_, reports = x.b.incident(x.source)
	text, _ := x.b.mtrq("show", "--format", "json", reports[0].Evidence.ID.String())
	x.reverse = filepath.Join(t.TempDir(), "reverse.json")
	if err := os.WriteFile(x.reverse, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return x
}

// passes says that the check has found nothing missing.
func passes(talk string, p report.Profile, l report.Lang) bool {
	bare := strings.NewReplacer(" ", "") // parts names in Latin letters from Chinese
	return strings.HasPrefix(bare.Replace(talk), bare.Replace(l.Say("ticket.complete", p.Name(l))+"\n"))
}

// ticket is the ticket of the incident, and what the check says of it.
func (x *labIncident) ticket(args ...string) (text, check string) {
	x.a.t.Helper()
	return x.a.mtrq(append([]string{"show", x.id, "--format", "ticket", "--no-names"}, args...)...)
}

// TestTicketOfALoss loses packets between two nodes for some seconds, and
// makes the ticket of it for every carrier, in every language and form: it
// could be sent as it is.
func TestTicketOfALoss(t *testing.T) {
	x := loseBetween(t)
	// A machine that is busy with other tests may be the fault itself.
	for try := 1; x.class != report.RealLoss && try < 3; try++ {
		t.Logf("the verdict is %s: once more", x.class)
		x = loseBetween(t)
	}
	for _, p := range report.Profiles() {
		for _, l := range report.Langs {
			for _, form := range []string{"text", "markdown", "html"} {
				text, check := x.ticket("--reverse", x.reverse, "--profile", p.Key, "--lang", string(l), "--form", form)
				if !passes(check, p, l) {
					t.Errorf("%s %s %s: the check says\n%s", p.Key, l, form, check)
				}
				if form == "html" {
					text = html.UnescapeString(text)
				}
				x.points(text, p, l)
			}
		}
	}
	x.withoutReverse()
	x.redacted()
}

// points looks for what the ten points of a ticket must say of this loss.
func (x *labIncident) points(text string, p report.Profile, l report.Lang) {
	x.a.t.Helper()
	for i := 1; i <= 10; i++ {
		if !strings.Contains(text, fmt.Sprintf("%d. ", i)) {
			x.a.t.Errorf("%s %s: no point %d in\n%s", p.Key, l, i, text)
		}
	}
	wanted := []string{
		x.source.String(), x.target.String(), "AS64500 Example Net", "AS64501 Example Edge", "GZ-2231", "C-77", "noc", "+852 5550 0100", x.id,
		"HOST: hk1", "HOST: gz2", "AS64510", // both directions
		l.Say("ticket.before.trace", "ICMP"), l.Say("ticket.after.trace", "ICMP"), "TCP" + l.Say("comma") + l.Say("ticket.port", 443),
		l.Say("ticket.p.ping"), l.Say("ticket.ping.dense"), " UTC",
	}
	for _, s := range wanted {
		if !strings.Contains(text, s) {
			x.a.t.Errorf("%s %s: no %q in\n%s", p.Key, l, s, text)
		}
	}
	unknown := l.Say("ticket.unknown")
	for _, s := range []string{l.Say("ticket.none"), l.Say("ticket.colon") + unknown, ">" + unknown + "<", l.Say("explain.settle", l.Say("settle.reverse")), l.Say("explain.settle", l.Say("inc.settle")), "0.0.0.0", "0001-01-01", "%!", "invalid"} {
		if strings.Contains(text, s) {
			x.a.t.Errorf("%s %s: %q in\n%s", p.Key, l, s, text)
		}
	}
}

// withoutReverse: with the other end silent the check says what is to be
// typed there.
func (x *labIncident) withoutReverse() {
	for profile, want := range map[string]string{
		"hetzner": "Hetzner wants the trace from the other end to 192.0.2.1 as well: there is none. There: mtr -nrwzc 200 192.0.2.1 > theirs.txt; here: --reverse theirs.txt.",
		"linode":  "There: mtr -nrwzc 100 192.0.2.1 > theirs.txt",
	} {
		text, check := x.ticket("--profile", profile)
		if !strings.HasPrefix(check, "Missing before it is sent to ") || strings.Count(check, "wants") != 1 || !strings.Contains(check, want) {
			x.a.t.Errorf("%s: want %q; the check says\n%s", profile, want, check)
		}
		if !strings.Contains(text, "Reverse: none at hand") {
			x.a.t.Errorf("%s: no word of it in\n%s", profile, text)
		}
	}
	if _, check := x.ticket("--profile", "small-isp"); !strings.HasPrefix(check, "This has all that a small ISP asks for.\n") {
		x.a.t.Errorf("small-isp: the check says\n%s", check)
	}
}

// redacted: nothing of one's own is left, and the ticket passes all the same.
func (x *labIncident) redacted() {
	for _, profile := range []string{"aws", "cn-carrier"} {
		text, check := x.ticket("--reverse", x.reverse, "--profile", profile, "--redact")
		if strings.Contains(check, "Missing") || !strings.HasPrefix(check, "This has all that ") {
			x.a.t.Errorf("%s: the check says\n%s", profile, check)
		}
		for _, own := range []string{"hk1", "192.0.2.254"} {
			if strings.Contains(text, own) {
				x.a.t.Errorf("%s: %s is left in\n%s", profile, own, text)
			}
		}
	}
}
