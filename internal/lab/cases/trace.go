package cases

import (
	"net/netip"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// zero is when every simulated trace starts.
var zero = time.Date(2026, 11, 23, 14, 5, 32, 131002000, time.FixedZone("", 8*3600))

// A plan is how a simulated trace is run.
type plan struct {
	seconds  int     // of the long look; 0: the first look is all
	polite   float64 // part of the rounds in which a hop is asked
	protocol string
	known    bool
	knownTTL int
	usual    *report.Path
	others   bool           // another protocol is answered
	watch    *report.Pings  // the watchdog's own pings
	stall    window         // no probe leaves meanwhile, and answers to what left within a second before are not heard
	ended    report.Ended   // complete, unless it says otherwise
	shared   []report.Event // of routers that other traces ask, too
}

// A log is the truth about the probes to the target.
type log struct {
	sent, lost int // lost: by the line
	held       int // not answered by a target that could have
}

// trace runs a plan over a line: what the first look and the long look send,
// and what comes back, as events.
func (l *line) trace(p plan) ([]report.Event, log) {
	target := report.Target{Asked: l.target.String(), Address: l.target, Protocol: p.protocol, Size: 64, Interval: 1000, MaxTTL: 30,
		Known: p.known, KnownTTL: p.knownTTL}
	if p.protocol != "icmp" {
		target.Port = map[string]int{"udp": 33434, "tcp": 443}[p.protocol]
	}
	events := []report.Event{{E: report.EventStart, At: zero, Schema: report.Schema, Node: "hk1", Target: &target}}
	if p.usual != nil {
		events = append(events, report.Event{E: report.EventUsual, Path: p.usual})
	}
	if p.watch != nil {
		events = append(events, report.Event{E: report.EventWatch, MS: 1, Pings: p.watch})
	}
	type shot struct {
		ttl int
		ms  float64
	}
	var shots []shot
	top := 16
	if p.knownTTL > 0 {
		top = p.knownTTL + 2
	}
	reached := !l.mute && l.loopAt == 0 && l.wall == 0 // by the first wave, which then knows the length
	for wave := range 3 {
		ms := float64(150 * wave)
		shots = append(shots, shot{0, ms + 0.2})
		for ttl := 1; ttl <= top; ttl++ {
			shots = append(shots, shot{ttl, ms + 0.2 + float64(ttl)*0.2})
		}
		if reached {
			top = l.length() - 1
		}
	}
	if reached {
		top = l.length()
	}
	for s := range p.seconds {
		at := 600 + float64(s)*1000
		for k := range 5 {
			shots = append(shots, shot{0, at + float64(k)*200})
		}
		for ttl := 1; ttl <= top; ttl++ {
			if l.rand.Float64() < p.polite {
				shots = append(shots, shot{ttl, at + float64(ttl)*7})
			}
		}
	}
	slices.SortStableFunc(shots, func(a, b shot) int {
		switch {
		case a.ms < b.ms:
			return -1
		case a.ms > b.ms:
			return 1
		}
		return 0
	})
	end := 1500.0
	if p.seconds > 0 {
		end = 600 + float64(p.seconds)*1000 + 900
		events = append(events, report.Event{E: report.EventPhase, MS: 500, Phase: report.PhaseFirstLook},
			report.Event{E: report.EventPhase, MS: 501, Phase: report.PhaseLongLook})
	} else {
		events = append(events, report.Event{E: report.EventPhase, MS: 500, Phase: report.PhaseFirstLook})
	}
	var truth log
	for n, s := range shots {
		if p.stall.has(s.ms) {
			continue
		}
		f := l.send(s.ttl, s.ms)
		e := report.Event{E: report.EventProbe, N: n, TTL: s.ttl, MS: s.ms, DeadlineMS: 1000, Kind: f.kind, Addr: f.addr}
		if f.us > 0 && f.kind != report.KindLost {
			us := f.us
			e.US = &us
			if us > 1_000_000 {
				e.Kind = report.KindLate
			}
		}
		deaf := s.ms >= p.stall.from-900 && s.ms < p.stall.from
		if deaf {
			e.Kind, e.US, e.Addr = report.KindLost, nil, netip.Addr{}
		}
		if s.ttl == 0 || s.ttl == l.length() && reached {
			truth.sent++
			switch {
			case deaf:
			case f.byLine:
				truth.lost++
			case e.Kind == report.KindLost:
				truth.held++
			}
		}
		events = append(events, e)
	}
	events = append(events, p.shared...)
	if p.others {
		events = append(events, report.Event{E: report.EventOther, MS: end, Protocol: "tcp", Port: 443, Kind: report.KindReply})
	} else if l.mute {
		events = append(events, report.Event{E: report.EventOther, MS: end, Protocol: "tcp", Port: 443, Kind: report.KindLost})
	}
	ended := p.ended
	if ended == "" {
		ended = report.EndedComplete
	}
	return append(events, report.Event{E: report.EventEnd, MS: end, Ended: ended}), truth
}

// request is the job that a simulated trace answers.
func request(n int) []report.Request {
	id := ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ")
	id[14], id[15] = byte(n>>8), byte(n)
	return []report.Request{{ID: id, Accepted: zero.Add(-8 * time.Millisecond), Source: "watchdog"}}
}
