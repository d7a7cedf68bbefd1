package report

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// maxIncidentMS is the longest stretch of pings that is believed: ten
// years, since an incident lasts as long as the outage does.
const maxIncidentMS = 10 * 366 * 864e5

// check says what in an incident cannot be: numbers out of bounds, arrays
// of unequal length, words that nobody defined.
func (inc *Incident) check() error {
	switch {
	case inc.Schema < 1:
		return fmt.Errorf("schema %d", inc.Schema)
	case !inc.State.valid():
		return fmt.Errorf("state %q", inc.State)
	case !inc.Trigger.valid():
		return fmt.Errorf("trigger %q", inc.Trigger)
	case len(inc.Members) == 0:
		return fmt.Errorf("an incident needs at least one member")
	case !counts(inc.Affected, maxCounter) || !counts(inc.Watched, maxCounter) || !counts(inc.Clean, maxCounter) || len(inc.Controls) > 3 || !allValid(inc.Controls):
		return fmt.Errorf("%d affected, %d watched, %d clean, controls %v", inc.Affected, inc.Watched, inc.Clean, inc.Controls)
	}
	if err := checkTexts(append([]string{inc.Node.Name, inc.Node.Place}, inc.Notes...)...); err != nil {
		return err
	}
	t := &inc.Times
	if err := checkTimes([]time.Time{inc.At, t.Began, t.Noticed, t.Opened}, t.Probed, t.LastLoss, t.Recovered, t.Closed); err != nil {
		return err
	}
	for _, e := range inc.Episodes {
		if err := checkTimes([]time.Time{e.From}, e.To); err != nil {
			return fmt.Errorf("episode: %w", err)
		}
	}
	for i := range inc.Members {
		if err := inc.Members[i].check(); err != nil {
			return fmt.Errorf("member %d: %w", i, err)
		}
	}
	if c := inc.Common; c != nil {
		if !counts(c.Lossy, c.Behind) || !(c.Loss >= 0 && c.Loss <= 100) || !(c.Chance >= 0 && c.Chance <= 1) || !allValid(c.Suspects) {
			return fmt.Errorf("common: %d of %d, %g %%, probability %g, %d suspects", c.Lossy, c.Behind, c.Loss, c.Chance, len(c.Suspects))
		}
	}
	for _, c := range inc.Canaries {
		switch {
		case !c.Kind.valid():
			return fmt.Errorf("canary %q", c.Kind)
		case !counts(c.Lost, c.Sent):
			return fmt.Errorf("canary: %d lost of %d", c.Lost, c.Sent)
		}
		if err := checkTexts(c.Target); err != nil {
			return err
		}
	}
	return inc.Host.check()
}

func (m *Member) check() error {
	switch {
	case m.Target == "":
		return fmt.Errorf("no target")
	case !m.Trigger.valid():
		return fmt.Errorf("trigger %q", m.Trigger)
	case !counts(m.Lost, m.Sent):
		return fmt.Errorf("%d lost of %d", m.Lost, m.Sent)
	}
	if err := checkTexts(m.Target, m.Group); err != nil {
		return err
	}
	for k, v := range m.Tags {
		if err := checkTexts(k, v); err != nil {
			return err
		}
	}
	if err := checkTimes([]time.Time{m.Began, m.Noticed, m.Opened}, m.Probed, m.LastLoss, m.Recovered); err != nil {
		return err
	}
	if u := m.Usual; u != nil && (!counts(u.Lost, u.Sent) || !rtts(&u.P50US, &u.P95US)) {
		return fmt.Errorf("usual: %d lost of %d, %d and %d us", u.Lost, u.Sent, u.P50US, u.P95US)
	}
	for what, p := range map[string]*Pings{"pings": &m.Pings, "burst": m.Burst, "dense": m.Dense} {
		if err := p.check(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	for _, b := range m.Meter {
		if err := checkTimes([]time.Time{b.At}); err != nil {
			return fmt.Errorf("minutes: %w", err)
		}
		if !counts(b.Lost, b.Sent) || !rtts(b.MinUS, b.MedUS, b.MaxUS) {
			return fmt.Errorf("minutes: %d lost of %d", b.Lost, b.Sent)
		}
	}
	for what, p := range map[string]*Path{"path_before": m.Before, "path_after": m.After} {
		if err := p.check(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

func (p *Pings) check() error {
	if p == nil {
		return nil
	}
	n := len(p.Answer)
	if len(p.TxMS) != n || len(p.RTTUS) != n {
		return fmt.Errorf("%d answers, tx_ms %d, rtt_us %d: not of equal length", n, len(p.TxMS), len(p.RTTUS))
	}
	// No ping at all needs no time to count from.
	if err := checkTimes([]time.Time{p.From}); err != nil && (n > 0 || !p.From.IsZero()) {
		return err
	}
	if !counts(0, p.Skipped) {
		return fmt.Errorf("%d skipped", p.Skipped)
	}
	last := int64(0)
	for i := range n {
		switch {
		case !answersToPing(p.Answer[i]):
			return fmt.Errorf("answer %q", p.Answer[i])
		case p.TxMS[i] < last || p.TxMS[i] > maxIncidentMS:
			return fmt.Errorf("tx_ms %d after %d", p.TxMS[i], last)
		case !rtts(p.RTTUS[i]):
			return fmt.Errorf("round-trip time of %d us", *p.RTTUS[i])
		}
		last = p.TxMS[i]
	}
	return nil
}

func (p *Path) check() error {
	if p == nil {
		return nil
	}
	if err := checkTimes([]time.Time{p.At}); err != nil {
		return err
	}
	last := 0
	for _, h := range p.Hops {
		switch {
		case h.TTL <= last || h.TTL > maxByte:
			return fmt.Errorf("TTL %d after %d", h.TTL, last)
		case !counts(h.Answered, h.Asked):
			return fmt.Errorf("hop %d: %d answered of %d", h.TTL, h.Answered, h.Asked)
		case !rtts(h.RTTUS):
			return fmt.Errorf("hop %d: round-trip time of %d us", h.TTL, *h.RTTUS)
		case !allValid(h.Addrs):
			return fmt.Errorf("hop %d: an address that is none", h.TTL)
		}
		last = h.TTL
	}
	return nil
}

func (h *Host) check() error {
	for what, s := range map[string]*HostState{"opened": h.Opened, "closed": h.Closed} {
		if s == nil {
			continue
		}
		if err := checkTimes([]time.Time{s.At}); err != nil {
			return fmt.Errorf("host %s: %w", what, err)
		}
		texts := [][]string{s.Routes, s.Neighbours, s.Resolvers}
		for _, l := range s.Links {
			texts = append(texts, []string{l.Name})
		}
		for _, t := range texts {
			if err := checkTexts(t...); err != nil {
				return fmt.Errorf("host %s: %w", what, err)
			}
		}
	}
	for _, s := range h.Stalls {
		if err := checkTimes([]time.Time{s.At}); err != nil {
			return fmt.Errorf("stall: %w", err)
		}
		if s.MS < 0 || s.MS > maxIncidentMS {
			return fmt.Errorf("stall of %d ms", s.MS)
		}
	}
	return checkTexts(h.Changed...)
}

func (s *Suspect) check() error {
	switch {
	case s.Target == "":
		return fmt.Errorf("no target")
	case !counts(s.Lost, s.Sent):
		return fmt.Errorf("%d lost of %d", s.Lost, s.Sent)
	case len(s.Path) > maxByte:
		return fmt.Errorf("path of %d hops", len(s.Path))
	}
	for i := range len(s.Strip) {
		if !answersToPing(s.Strip[i]) {
			return fmt.Errorf("strip %q", s.Strip[i])
		}
	}
	for i, p := range s.Path {
		if p == "" {
			continue
		}
		if _, err := netip.ParseAddr(p); err != nil {
			return fmt.Errorf("hop %d: not an address", i+1)
		}
	}
	if err := checkTexts(s.Target); err != nil {
		return err
	}
	return checkTimes([]time.Time{s.At})
}

func (s IncidentState) valid() bool {
	return s == IncidentOpen || s == IncidentClosed || s == IncidentInterrupted
}

func (t IncidentTrigger) valid() bool {
	switch t {
	case TriggerLoss, TriggerSlow, TriggerLatency, TriggerJitter, TriggerPath:
		return true
	}
	return false
}

func (k CanaryKind) valid() bool {
	return k == CanaryLoopback || k == CanaryGateway || k == CanaryAnchor
}

// answersToPing says whether a character may stand in a Pings: no router
// answers "expired" to a ping, whose TTL no path uses up.
func answersToPing(a byte) bool { return strings.IndexByte("run-l?", a) >= 0 }

// counts says that some of all is a count that can be.
func counts(some, all int) bool { return some >= 0 && some <= all && all <= maxCounter }

// rtts says that round-trip times, µs, can be; nil is unknown.
func rtts(us ...*int64) bool {
	for _, u := range us {
		if u != nil && (*u < 0 || *u > maxRTTUS) {
			return false
		}
	}
	return true
}

func allValid(addrs []netip.Addr) bool {
	for _, a := range addrs {
		if !a.IsValid() {
			return false
		}
	}
	return true
}

func checkTexts(texts ...string) error {
	for _, s := range texts {
		if len(s) > maxText {
			return fmt.Errorf("text of %d bytes, at most %d are read", len(s), maxText)
		}
	}
	return nil
}

func checkTimes(known []time.Time, maybe ...*time.Time) error {
	for _, p := range maybe {
		if p != nil {
			known = append(known, *p)
		}
	}
	for _, t := range known {
		if t.Year() < 1970 || t.Year() > 9999 {
			return fmt.Errorf("time in the year %d", t.Year())
		}
	}
	return nil
}
