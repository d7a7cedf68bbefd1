package report

import (
	"fmt"
	"strconv"
	"strings"
)

// common is where the paths of the members meet.
func (t *incidentText) common() {
	t.line("")
	c := t.inc.Common
	if c == nil {
		return
	}
	from := "this machine"
	if c.From.IsValid() {
		from = c.From.String()
	}
	to := "what is next to it"
	if c.To.IsValid() {
		to = c.To.String()
	}
	t.line("Common: between %s and %s; of %s behind it %d in trouble; loss there %s %%; probability %.2f",
		from, to, plural(c.Behind, "target"), c.Lossy, percent(c.Loss), c.Chance)
	if len(c.Suspects) == 0 {
		return
	}
	const most = 8
	var names []string
	for i, a := range c.Suspects {
		if i == most {
			names = append(names, strconv.Itoa(len(c.Suspects)-most)+" more")
			break
		}
		if ttl := t.ttlOf(a); ttl > 0 {
			names = append(names, fmt.Sprintf("%s (hop %d)", a, ttl))
		} else {
			names = append(names, a.String())
		}
	}
	t.line("  On every lossy path and no clean one: %s", strings.Join(names, ", "))
}

func (t *incidentText) canaries() {
	for i := range t.inc.Canaries {
		c := &t.inc.Canaries[i]
		if i == textCanaries {
			t.line("Canary: and %d more", len(t.inc.Canaries)-i)
			return
		}
		said := fmt.Sprintf("lost %d of %d pings since it began", c.Lost, c.Sent)
		switch {
		case !c.Known:
			said = "never answered, so that it tells nothing"
		case c.Sent == 0:
			said = "was not asked since it began"
		}
		t.line("Canary: %s %s %s", c.Kind, c.name(), said)
	}
}

// host is the machine's own state, and what changed of it.
func (t *incidentText) host() {
	h := &t.inc.Host
	if s := h.Opened; s != nil {
		t.line("Host: %s", strings.Join(s.words(), "; "))
	}
	const most = 20
	for i, c := range h.Changed {
		if i == most {
			t.line("Changed: and %d more", len(h.Changed)-i)
			break
		}
		t.line("Changed: %s", Printable(c))
	}
	if h.Opened != nil && h.Closed != nil && len(h.Changed) == 0 {
		t.line("Changed: nothing of this machine, from %s to %s", t.clock(h.Opened.At), t.clock(h.Closed.At))
	}
	for i, s := range h.Stalls {
		if i == most {
			t.line("Stall: and %d more", len(h.Stalls)-i)
			break
		}
		t.line("Stall: the watchdog was kept from running for %s up to %s; pings under way then count as nothing", waited(float64(s.MS)), t.clock(s.At))
	}
}

// words are a state's links, routes, clock and load, a few of each.
func (s *HostState) words() []string {
	const most = 4
	var out []string
	for i, l := range s.Links {
		if i == most {
			out = append(out, fmt.Sprintf("%d more links", len(s.Links)-i))
			break
		}
		out = append(out, l.words())
	}
	for _, lines := range [][]string{s.Routes, s.Neighbours} {
		for i, r := range lines {
			if i == most {
				break
			}
			out = append(out, short(Printable(r), maxName))
		}
	}
	clock := "clock not synchronised"
	if s.Clock.Synced {
		clock = "clock synchronised"
	}
	if o := s.Clock.OffsetUS; o != nil {
		clock += fmt.Sprintf(", offset %+.3f ms", float64(*o)/1000)
	}
	if e := s.Clock.ErrorUS; e != nil {
		clock += fmt.Sprintf(", at most %.1f ms off", float64(*e)/1000)
	}
	out = append(out, clock)
	if s.Load1 != nil {
		load := fmt.Sprintf("load %.2f", *s.Load1)
		if s.CPUs != nil {
			load += " on " + plural(*s.CPUs, "processor")
		}
		out = append(out, load)
	}
	if s.CPUStall != nil {
		out = append(out, fmt.Sprintf("processor pressure %.1f %%", *s.CPUStall))
	}
	for i, c := range s.Drops {
		if i == most {
			out = append(out, fmt.Sprintf("%d more counters", len(s.Drops)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s %d", short(Printable(c.Name), maxName), c.Count))
	}
	return out
}

func (l *HostLink) words() string {
	s := short(Printable(l.Name), maxName)
	switch {
	case !l.Up:
		s += " down"
	case l.Carrier != nil && !*l.Carrier:
		s += " up, no carrier"
	default:
		s += " up"
	}
	if l.SpeedMbps != nil {
		s += fmt.Sprintf(" %d Mbit/s", *l.SpeedMbps)
	}
	for _, c := range []struct {
		n    uint64
		what string
	}{{l.RxErrors, "receive errors"}, {l.RxDropped, "receive drops"}, {l.TxErrors, "send errors"}, {l.TxDropped, "send drops"}} {
		if c.n > 0 {
			s += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	if l.Flaps != nil && *l.Flaps > 0 {
		s += fmt.Sprintf(", carrier changed %s", plural(*l.Flaps, "time"))
	}
	return s
}
