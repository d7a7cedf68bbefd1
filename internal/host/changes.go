package host

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtrq/mtrq/report"
)

// highPressure is the share of the time, in percent, in which something
// waited for a processor, that is worth a word: half.
const highPressure = 50

// Changes says what differs between two snapshots, for an operator: one
// sentence a change, links first. Counters of faults are named where they
// grew. Of what either does not know nothing is said, nor of what changes
// by itself on a well machine. Nil: no change, or no two snapshots.
func Changes(before, after *report.HostState) []string {
	if before == nil || after == nil {
		return nil
	}
	var out []string
	// Every namespace has a loopback link: without one, the network's side could not be read.
	if len(before.Links) > 0 && len(after.Links) > 0 {
		out = append(out, linkChanges(before.Links, after.Links)...)
		out = append(out, routeChanges(before.Routes, after.Routes)...)
		out = append(out, neighbourChanges(before.Neighbours, after.Neighbours)...)
		out = append(out, counterChanges(before.Drops, after.Drops)...)
	}
	if before.Resolvers != nil && after.Resolvers != nil && !slices.Equal(before.Resolvers, after.Resolvers) {
		out = append(out, fmt.Sprintf("resolvers changed from %s to %s", wordList(before.Resolvers), wordList(after.Resolvers)))
	}
	out = append(out, clockChanges(before.Clock, after.Clock)...)
	return append(out, loadChanges(before, after)...)
}

func linkChanges(before, after []report.HostLink) []string {
	var gone, out []string
	find := func(in []report.HostLink, name string) *report.HostLink {
		i := slices.IndexFunc(in, func(l report.HostLink) bool { return l.Name == name })
		if i < 0 {
			return nil
		}
		return &in[i]
	}
	// Links of containers come and go all day; a list that was cut does not say which are missing.
	whole := len(before) < maxLinks && len(after) < maxLinks
	counts := func(name string) bool { return whole && !strings.HasPrefix(name, "veth") }
	for i := range before {
		if b := &before[i]; find(after, b.Name) == nil && counts(b.Name) {
			gone = append(gone, b.Name+" is gone")
		}
	}
	for i := range after {
		a := &after[i]
		if b := find(before, a.Name); b != nil {
			out = append(out, oneLink(b, a)...)
		} else if counts(a.Name) {
			out = append(out, a.Name+" is new")
		}
	}
	return append(gone, out...)
}

func oneLink(b, a *report.HostLink) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, a.Name+fmt.Sprintf(format, args...)) }
	told := 0 // of the changes of carrier
	switch {
	case b.Up && !a.Up:
		add(" was taken down")
		told = 1
	case !b.Up && a.Up && a.Carrier != nil && !*a.Carrier:
		add(" was brought up, but has no carrier")
	case !b.Up && a.Up:
		add(" was brought up")
		told = 1
	case b.Carrier != nil && a.Carrier != nil && *b.Carrier && !*a.Carrier:
		add(" lost its carrier")
		told = 1
	case b.Carrier != nil && a.Carrier != nil && !*b.Carrier && *a.Carrier:
		add(" has its carrier back")
		told = 1
	}
	if b.Flaps != nil && a.Flaps != nil && *a.Flaps-*b.Flaps > told {
		add(": carrier changed %d times", *a.Flaps-*b.Flaps)
	}
	if b.SpeedMbps != nil && a.SpeedMbps != nil && *b.SpeedMbps != *a.SpeedMbps {
		add(": speed changed from %d to %d Mbit/s", *b.SpeedMbps, *a.SpeedMbps)
	}
	if b.MTU != a.MTU {
		add(": MTU changed from %d to %d", b.MTU, a.MTU)
	}
	for _, c := range []struct {
		before, after uint64
		what          string
	}{
		{b.RxErrors, a.RxErrors, "received with errors"},
		{b.RxDropped, a.RxDropped, "dropped while receiving"},
		{b.TxErrors, a.TxErrors, "not sent because of errors"},
		{b.TxDropped, a.TxDropped, "dropped while sending"},
	} {
		if c.after > c.before {
			add(": %s %s", packets(c.after-c.before), c.what)
		}
	}
	return out
}

func packets(n uint64) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}

// routeChanges pairs what went with what came, within an address family.
func routeChanges(before, after []string) []string {
	if before == nil || after == nil {
		return nil
	}
	gone, come := minus(before, after), minus(after, before)
	var out []string
	for _, g := range gone {
		i := slices.IndexFunc(come, func(c string) bool { return strings.Contains(c, ":") == strings.Contains(g, ":") })
		if i < 0 {
			out = append(out, "default route gone: "+shortRoute(g))
			continue
		}
		out = append(out, fmt.Sprintf("default route changed from %s to %s", shortRoute(g), shortRoute(come[i])))
		come = slices.Delete(come, i, i+1)
	}
	for _, c := range come {
		out = append(out, "default route new: "+shortRoute(c))
	}
	return out
}

// minus are those of a that b does not have, each as often as it is missing.
func minus(a, b []string) []string {
	rest := slices.Clone(b)
	var out []string
	for _, s := range a {
		if i := slices.Index(rest, s); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// shortRoute leaves out what "default route" says already.
func shortRoute(s string) string {
	for _, p := range []string{"default via ", "default "} {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return rest
		}
	}
	return s
}

// neighbourChanges names gateways that no longer answer ARP or NDP, and
// those that answer from another machine. The states of a neighbour that
// answers change by themselves. One that is gone goes with its route.
func neighbourChanges(before, after []string) []string {
	var out []string
	for _, text := range after {
		a, ok := splitNeighbour(text)
		if !ok {
			continue
		}
		var b neighbourText
		for _, t := range before {
			if n, ok := splitNeighbour(t); ok && n.key == a.key {
				b = n
			}
		}
		switch {
		case a.deaf() && !b.deaf():
			out = append(out, fmt.Sprintf("neighbour %s now %s", a.name, a.state))
		case !a.deaf() && b.deaf():
			out = append(out, fmt.Sprintf("neighbour %s no longer %s", a.name, b.state))
		}
		if a.mac != "" && b.mac != "" && a.mac != b.mac {
			out = append(out, fmt.Sprintf("neighbour %s is another machine: lladdr changed from %s to %s", a.name, b.mac, a.mac))
		}
	}
	return out
}

// neighbourText is a line of HostState.Neighbours taken apart.
type neighbourText struct {
	key   string // address and link
	name  string // what to call it
	mac   string
	state string
}

func (n neighbourText) deaf() bool { return n.state == "FAILED" || n.state == "INCOMPLETE" }

// splitNeighbour reads "192.0.2.254 dev eth0 lladdr 02:00:00:00:00:01
// REACHABLE"; lladdr may be absent.
func splitNeighbour(s string) (n neighbourText, ok bool) {
	f := strings.Fields(s)
	switch {
	case len(f) == 4 && f[1] == "dev":
	case len(f) == 6 && f[1] == "dev" && f[3] == "lladdr":
		n.mac = f[4]
	default:
		return neighbourText{}, false
	}
	n.key, n.name, n.state = strings.Join(f[:3], " "), f[0], f[len(f)-1]
	if strings.HasPrefix(n.name, "fe80:") { // means nothing without its link
		n.name = n.key
	}
	return n, true
}

// counterChanges takes a counter that is absent for zero, as a snapshot
// has only those that are not.
func counterChanges(before, after []report.HostCount) []string {
	was := map[string]uint64{}
	for _, c := range before {
		was[c.Name] = c.Count
	}
	var out []string
	for _, c := range after {
		if b := was[c.Name]; c.Count > b {
			out = append(out, fmt.Sprintf("%s grew by %d", c.Name, c.Count-b))
		}
	}
	return out
}

func clockChanges(before, after report.HostClock) []string {
	switch {
	case before.ErrorUS == nil || after.ErrorUS == nil: // the kernel could not be asked
	case before.Synced && !after.Synced:
		return []string{"the clock is no longer synchronised"}
	case !before.Synced && after.Synced:
		return []string{"the clock is synchronised now"}
	}
	return nil
}

// loadChanges names a load that is more than the processors can do, at
// either end: it may have been over when the incident closed.
func loadChanges(before, after *report.HostState) []string {
	var out []string
	over := func(s *report.HostState) bool { return s.Load1 != nil && s.CPUs != nil && *s.Load1 > float64(*s.CPUs) }
	pressed := func(s *report.HostState) bool { return s.CPUStall != nil && *s.CPUStall >= highPressure }
	switch {
	case over(after):
		out = append(out, fmt.Sprintf("load %.1f on %s", *after.Load1, processors(*after.CPUs)))
	case over(before):
		out = append(out, fmt.Sprintf("load was %.1f on %s at first", *before.Load1, processors(*before.CPUs)))
	}
	switch {
	case pressed(after):
		out = append(out, fmt.Sprintf("programs wait for a processor %.0f %% of the time", *after.CPUStall))
	case pressed(before):
		out = append(out, fmt.Sprintf("programs waited for a processor %.0f %% of the time at first", *before.CPUStall))
	}
	return out
}

func processors(n int) string {
	if n == 1 {
		return "1 processor"
	}
	return fmt.Sprintf("%d processors", n)
}

// wordList is "192.0.2.53, 192.0.2.54", or "none".
func wordList(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}
