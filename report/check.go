package report

import (
	"fmt"
	"strings"
	"time"
)

// check says what in the evidence cannot be: numbers out of bounds,
// arrays of unequal length, indexes that point nowhere.
func (e *Evidence) check() error {
	switch {
	case e.Schema < 1:
		return fmt.Errorf("schema %d", e.Schema)
	case !e.Ended.valid():
		return fmt.Errorf("ended %q", e.Ended)
	case len(e.Requests) == 0:
		return ErrNoRequest
	case e.Target.outOfBounds():
		return fmt.Errorf("target has a number out of bounds")
	case len(e.Hops) > maxByte || len(e.Beyond) > maxByte:
		return fmt.Errorf("%d hops and %d beyond", len(e.Hops), len(e.Beyond))
	}
	if err := e.checkWords(); err != nil {
		return err
	}
	for _, t := range e.Times.all() {
		if t.Year() < 1970 || t.Year() > 9999 {
			return fmt.Errorf("time in the year %d", t.Year())
		}
	}
	for i := range e.Hops {
		if e.Hops[i].TTL != i+1 {
			return fmt.Errorf("hop %d has TTL %d", i+1, e.Hops[i].TTL)
		}
	}
	if t := e.Target.TTL; t != nil && (*t < 1 || *t > len(e.Hops)) {
		return fmt.Errorf("target at TTL %d of %d", *t, len(e.Hops))
	}
	if err := e.checkSeries("ping", &e.Ping); err != nil {
		return err
	}
	if err := e.Watch.check(); err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	if err := e.Usual.check(); err != nil {
		return fmt.Errorf("usual: %w", err)
	}
	for _, hops := range [][]Hop{e.Hops, e.Beyond} {
		for i := range hops {
			h := &hops[i]
			if h.TTL < 1 || h.TTL > maxByte {
				return fmt.Errorf("hop with TTL %d", h.TTL)
			}
			if err := e.checkSeries(fmt.Sprintf("hop %d", h.TTL), &h.Series); err != nil {
				return err
			}
			if len(h.MPLS) > len(h.Answer) {
				return fmt.Errorf("hop %d: %d MPLS stacks in answers to %d probes", h.TTL, len(h.MPLS), len(h.Answer))
			}
			for _, m := range h.MPLS {
				if m.Addr < 0 || m.Addr >= len(e.Addresses) || len(m.Labels) > maxLabels {
					return fmt.Errorf("hop %d: MPLS stack of address %d with %d labels", h.TTL, m.Addr, len(m.Labels))
				}
				for _, l := range m.Labels {
					if !l.valid() {
						return fmt.Errorf("hop %d: MPLS label %+v", h.TTL, l)
					}
				}
			}
		}
	}
	return e.checkCounts()
}

// checkWords bounds every text: a table is as wide as its longest name.
func (e *Evidence) checkWords() error {
	if err := checkTexts(append([]string{e.Node.Name, e.Node.Place, e.Error, e.Versions.MTRQ, e.Versions.MTRPacket}, e.Notes...)...); err != nil {
		return err
	}
	for _, o := range e.Others {
		if err := checkTexts(o.Protocol); err != nil {
			return fmt.Errorf("other: %w", err)
		}
	}
	for i := range e.Requests {
		r := &e.Requests[i]
		if err := checkTexts(r.Source, r.By, r.Reason, r.Event, r.SentAs, r.Asked, string(r.Freshness)); err != nil {
			return fmt.Errorf("request %s: %w", r.ID, err)
		}
		if len(r.Tags) > maxByte {
			return fmt.Errorf("request %s: %d tags", r.ID, len(r.Tags))
		}
		for k, v := range r.Tags {
			if err := checkTexts(k, v); err != nil {
				return fmt.Errorf("request %s: tag: %w", r.ID, err)
			}
		}
	}
	return nil
}

func (e *Evidence) checkCounts() error {
	for i := range e.Requests {
		if y := e.Requests[i].Accepted.Year(); y < 1970 || y > 9999 {
			return fmt.Errorf("request accepted in the year %d", y)
		}
		if w := e.Requests[i].AskedToFirstProbe; w != nil && !(*w >= 0 && *w <= maxMS*100) {
			return fmt.Errorf("first probe %g ms after the request", *w)
		}
	}
	for _, a := range e.Addresses {
		if !a.IsValid() || a.Zone() != "" || a.Is4In6() {
			return fmt.Errorf("address %q", a)
		}
	}
	for _, s := range e.Shared {
		if s.Sent < 0 || s.Answered < 0 || s.Answered > s.Sent || s.Sent > maxCounter {
			return fmt.Errorf("shared: %d of %d", s.Answered, s.Sent)
		}
	}
	for _, o := range e.Others {
		if o.Port < 0 || o.Port > maxPort {
			return fmt.Errorf("other: port %d", o.Port)
		}
	}
	return nil
}

func (e *Evidence) checkSeries(what string, s *Series) error {
	n := len(s.Answer)
	if len(s.TxMS) != n || len(s.RTTUS) != n || len(s.LateUS) != n || len(s.Addr) != n {
		return fmt.Errorf("%s: %d answers, tx_ms %d, rtt_us %d, late_us %d, addr %d: not of equal length", what, n, len(s.TxMS), len(s.RTTUS), len(s.LateUS), len(s.Addr))
	}
	last := 0.0
	for i := range n {
		if !strings.ContainsRune("reun-l?", rune(s.Answer[i])) {
			return fmt.Errorf("%s: answer %q", what, s.Answer[i])
		}
		if !(s.TxMS[i] >= last && s.TxMS[i] <= maxMS) {
			return fmt.Errorf("%s: tx_ms %g after %g", what, s.TxMS[i], last)
		}
		last = s.TxMS[i]
		for _, us := range []*int64{s.RTTUS[i], s.LateUS[i]} {
			if us != nil && (*us < 0 || *us > maxRTTUS) {
				return fmt.Errorf("%s: round-trip time of %d us", what, *us)
			}
		}
		if a := s.Addr[i]; a != nil && (*a < 0 || *a >= len(e.Addresses)) {
			return fmt.Errorf("%s: address %d of %d", what, *a, len(e.Addresses))
		}
	}
	return nil
}

func (t *Times) all() []time.Time {
	all := []time.Time{t.Accepted, t.Started}
	for _, p := range []*time.Time{t.FirstProbe, t.FirstLook, t.LongLook, t.Ended} {
		if p != nil {
			all = append(all, *p)
		}
	}
	return all
}
