package report

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// began is when the first ping of a simulated incident was lost: half a
// second before its first trace leaves.
var began = testStart.Add(-527 * time.Millisecond)

func after(d time.Duration) *time.Time {
	t := began.Add(d)
	return &t
}

// beat is pings from so long before the incident until so long after its
// beginning, each second; fate is given ms since the beginning.
func beat(before, until time.Duration, every time.Duration, fate func(ms float64) (byte, int64)) Pings {
	p := Pings{From: began.Add(-before)}
	var answers strings.Builder
	for d := time.Duration(0); d <= before+until; d += every {
		a, us := fate(float64(d-before) / float64(time.Millisecond))
		p.TxMS = append(p.TxMS, d.Milliseconds())
		answers.WriteByte(a)
		p.RTTUS = append(p.RTTUS, nil)
		if us > 0 {
			p.RTTUS[len(p.RTTUS)-1] = &us
		}
	}
	p.Answer = answers.String()
	return p
}

// lossy is a fate: answers of about 9 ms, and in a stretch such a part of
// them lost.
func lossy(part, from, to float64, seed uint64) func(ms float64) (byte, int64) {
	r := seeded(seed)
	return func(ms float64) (byte, int64) {
		x, us := r.Float64(), 9000+r.Int64N(400)
		if ms >= from && ms < to && x < part {
			return AnswerLost, 0
		}
		return AnswerReply, us
	}
}

func idOf(n int) ulid.ULID {
	id := testID
	id[14], id[15] = byte(n>>8), byte(n)
	return id
}

// memberOf is a target that lost pings from its beginning on.
func memberOf(target string, pings Pings, recovered *time.Time) Member {
	m := Member{Target: target, Trigger: TriggerLoss, Began: began, Noticed: *after(500 * time.Millisecond), Probed: after(527 * time.Millisecond),
		Opened: *after(1620 * time.Millisecond), Recovered: recovered, Pings: pings, Usual: &Usual{P50US: 9100, P95US: 9350, Lost: 0, Sent: 300}}
	if a, err := netip.ParseAddr(target); err == nil {
		m.Address = a
	}
	for i := range len(pings.Answer) {
		at := pings.at(i)
		if at.Before(began) || recovered != nil && !at.Before(*recovered) || pings.Answer[i] == AnswerPending {
			continue
		}
		m.Sent++
		if pingLost(pings.Answer[i]) {
			m.Lost++
			m.LastLoss = &at
		}
	}
	return m
}

// incidentOf is a closed incident of some members.
func incidentOf(members ...Member) *Incident {
	first := &members[0]
	inc := &Incident{
		Schema: IncidentSchema, ID: testID, State: IncidentClosed, Trigger: first.Trigger, Node: Node{Name: "hk1", Place: "Hong Kong", Source: netip.MustParseAddr("192.0.2.1")},
		At: *after(80 * time.Second), Members: members, Affected: len(members), Watched: 40, Clean: 40 - len(members),
		Times: IncidentTimes{Began: began, Noticed: first.Noticed, Probed: first.Probed, Opened: first.Opened, LastLoss: first.LastLoss, Recovered: first.Recovered},
		Canaries: []Canary{
			{Kind: CanaryLoopback, Target: "127.0.0.1", Addr: netip.MustParseAddr("127.0.0.1"), Known: true, Sent: 71},
			{Kind: CanaryGateway, Target: "192.0.2.254", Addr: netip.MustParseAddr("192.0.2.254"), Known: true, Sent: 71},
		},
		Versions: Versions{MTRQ: "0.1.0", MTRPacket: "0.95", Rules: RulesVersion},
	}
	if first.Recovered != nil {
		inc.Times.Closed = after(first.Recovered.Sub(began) + 60*time.Second)
		inc.At = *inc.Times.Closed
		inc.Episodes = []Episode{{From: began, To: first.Recovered}}
	} else {
		inc.State = IncidentOpen
		inc.Episodes = []Episode{{From: began}}
	}
	return inc
}

// pathOf is a path of so many routers, one of which may be another.
func pathOf(length, other int) *Path {
	p := &Path{At: began.Add(-3 * time.Minute)}
	for ttl := 1; ttl < length; ttl++ {
		a := router(ttl)
		if ttl == other {
			a = a.Next()
		}
		us := int64(ttl) * 1000
		p.Hops = append(p.Hops, PathHop{TTL: ttl, Addrs: []netip.Addr{a}, RTTUS: &us, Answered: 12, Asked: 12})
	}
	return p
}

// tracing is the report of a trace that began half a second after the
// loss, over a network that loses packets at a hop until so many ms.
func tracing(t testing.TB, id ulid.ULID, target string, w network, seconds int) *Report {
	t.Helper()
	w.rand = seeded(uint64(id[15]) + 7)
	a := netip.MustParseAddr(target)
	events := w.trace(seconds, func(tg *Target) { tg.Asked, tg.Address, tg.Known, tg.KnownTTL = target, a, true, w.length })
	for i := range events {
		if events[i].Addr == testTarget {
			events[i].Addr = a
		}
	}
	r, err := Fold([]Request{{ID: id, Accepted: testStart.Add(-time.Millisecond), Source: "watchdog"}}, Node{Name: "hk1"}, events, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A sampleIncident is an incident with what is at hand of its traces.
type sampleIncident struct {
	inc     *Incident
	reports []*Report
}

// incidents are incidents of many sorts, by name.
func incidents(t testing.TB) map[string]sampleIncident {
	t.Helper()
	out := make(map[string]sampleIncident)
	add := func(name string, inc *Incident, reports ...*Report) { out[name] = sampleIncident{inc, reports} }

	// Ten seconds of everything lost behind hop 3, seen by a trace.
	cut := func(from float64) network { return network{length: 8, lossAt: 4, loss: during(1, from, 9500)} }
	m := memberOf("203.0.113.7", beat(60*time.Second, 70*time.Second, time.Second, lossy(1, 0, 10000, 1)), after(10*time.Second))
	m.Reports = []ulid.ULID{idOf(1)}
	burst := beat(-500*time.Millisecond, 1500*time.Millisecond, 100*time.Millisecond, lossy(1, 0, 10000, 2))
	m.Burst = &burst
	m.Before, m.After = pathOf(8, 0), pathOf(8, 5)
	m.After.At = *after(72 * time.Second)
	limited := cut(0)
	limited.limits = map[int]func(float64) float64{2: always(0.6), 6: always(1)}
	add("loss", incidentOf(m), tracing(t, idOf(1), "203.0.113.7", limited, 30))

	// A third of the packets to a dozen targets, which share a router.
	var members []Member
	for i := range 12 {
		target := fmt.Sprintf("203.0.113.%d", i+7)
		m := memberOf(target, beat(60*time.Second, 75*time.Second, time.Second, lossy(0.35, 0, 14000, uint64(10+i))), after(14*time.Second))
		m.Group = "gz-edge"
		m.Began, m.Reports, m.Before = *after(time.Duration(i) * 120 * time.Millisecond), []ulid.ULID{idOf(i + 1)}, pathOf(8, 0)
		members = append(members, m)
	}
	dense := beat(0, 20*time.Second, 200*time.Millisecond, lossy(0.35, 0, 14000, 50))
	members[0].Dense = &dense
	inc := incidentOf(members...)
	inc.Common = &Common{From: router(3), To: router(4), Suspects: []netip.Addr{router(4), router(5)}, Behind: 12, Lossy: 12, Loss: 34.2, Chance: 0.97}
	w := network{length: 8, lossAt: 4, loss: during(0.35, 0, 13500)}
	add("shared", inc, tracing(t, idOf(1), "203.0.113.7", w, 30), tracing(t, idOf(2), "203.0.113.8", w, 30))

	// A storm: everything silent, six hundred targets in many networks.
	members = nil
	for i := range 600 {
		target := fmt.Sprintf("198.%d.%d.1", 18+i%2, i%250)
		if i%3 == 0 {
			target = fmt.Sprintf("2001:db8:%x::1", i)
		}
		if i%3 == 1 {
			target = fmt.Sprintf("203.0.113.%d", i%250)
		}
		m := memberOf(target, beat(10*time.Second, 20*time.Second, time.Second, lossy(1, 0, 8000, uint64(i))), after(8*time.Second))
		members = append(members, m)
	}
	inc = incidentOf(members...)
	inc.Watched, inc.Clean, inc.Affected = 640, 0, 620
	add("storm", inc)

	// Slower, nothing lost.
	m = memberOf("198.51.100.9", beat(60*time.Second, 90*time.Second, time.Second, func(ms float64) (byte, int64) {
		_, us := lossy(0, 0, 0, uint64(ms+1e6))(ms)
		if ms >= 0 && ms < 40000 {
			us = us*4 + int64(ms)/4
		}
		if ms == 12000 {
			return AnswerLate, 612000
		}
		return AnswerReply, us
	}), after(40*time.Second))
	m.Trigger = TriggerLatency
	add("latency", incidentOf(m))

	// Other routers.
	m = memberOf("198.51.100.9", beat(60*time.Second, 90*time.Second, time.Second, lossy(0, 0, 0, 3)), after(0))
	m.Trigger, m.Before, m.After = TriggerPath, pathOf(8, 0), pathOf(9, 4)
	add("path", incidentOf(m))

	// An outage of hours, most of whose pings were not kept.
	long := beat(60*time.Second, 30*time.Second, time.Second, lossy(1, 0, 1e12, 4))
	const outage = 3*time.Hour + 20*time.Minute
	tail := beat(-(outage - 30*time.Second), outage+60*time.Second, time.Second, lossy(1, 0, float64(outage.Milliseconds()), 5))
	for i := range tail.TxMS {
		long.TxMS = append(long.TxMS, tail.TxMS[i]+tail.From.Sub(long.From).Milliseconds())
	}
	long.RTTUS = append(long.RTTUS, tail.RTTUS...)
	long.Answer += tail.Answer
	long.Skipped = int(outage/time.Second) - 61
	m = memberOf("edge.example.net", long, after(outage))
	m.Address = netip.MustParseAddr("203.0.113.7")
	us := int64(9100)
	for at := began.Truncate(time.Minute); at.Before(began.Add(outage)); at = at.Add(time.Minute) {
		b := Bucket{At: at, Sent: 60, Lost: 60}
		if k := len(m.Meter); k >= 70 && k < 74 {
			b.Lost, b.MinUS, b.MedUS, b.MaxUS = 12, &us, &us, &us
		}
		m.Meter = append(m.Meter, b)
	}
	m.Lost, m.Sent = 11808, 12000
	add("long", incidentOf(m))

	// Still going on, with a stall in it.
	m = memberOf("203.0.113.7", beat(60*time.Second, 25*time.Second, time.Second, func(ms float64) (byte, int64) {
		if ms >= 8000 && ms < 12000 {
			return AnswerPending, 0
		}
		return lossy(0.6, 0, 1e9, uint64(ms+1e6))(ms)
	}), nil)
	inc = incidentOf(m)
	inc.At = *after(25 * time.Second)
	inc.Host.Stalls = []Stall{{At: *after(12 * time.Second), MS: 3800}}
	add("open", inc)

	// What strangers send.
	m = memberOf("edge.example.net\x1b[2J</title><script>alert(1)</script>", beat(20*time.Second, 40*time.Second, time.Second, lossy(0.5, 0, 10000, 6)), after(10*time.Second))
	m.Address = netip.MustParseAddr("2001:db8:ffff:ffff:ffff:ffff:ffff:fff7")
	m.Group, m.Tags = "\u202egroup & \"co\"\n", map[string]string{"cir\tcuit": "<GZ>-2231"}
	long128 := strings.Repeat("x", 400)
	other := memberOf(long128, beat(20*time.Second, 40*time.Second, time.Second, lossy(0.5, 0, 10000, 7)), after(10*time.Second))
	inc = incidentOf(m, other)
	inc.Node.Name = "hk1\x00]]>"
	inc.Notes = []string{"clock \x1b]0;pwned\x07stepped\r\nby 3 s", strings.Repeat("y", 500)}
	inc.Host.Changed = []string{"eth0 <lost> its carrier\x1b[31m"}
	inc.Episodes = append(inc.Episodes, Episode{From: *after(20 * time.Second), To: after(22 * time.Second)})
	add("hostile", inc)
	return out
}
