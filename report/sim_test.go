package report

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

var (
	testID     = ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ")
	testID2    = ulid.MustParse("01KAR1ABTC5H2ZJ0Q4V7W8X9YZ")
	testZone   = time.FixedZone("", 8*3600)
	testStart  = time.Date(2026, 11, 23, 14, 5, 32, 131002000, testZone)
	testTarget = netip.MustParseAddr("203.0.113.7")
	testAsked  = []Request{{ID: testID, Accepted: testStart.Add(-7546 * time.Microsecond), Source: "http", By: "192.0.2.10", Reason: "loss over 20 %", Event: "zabbix-481516"}}
)

func router(ttl int) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, 0, byte(ttl*4 + 1)}) }

// A network is a path with routers at TTL 1 to length-1 and the target
// behind them, and what becomes of a probe sent at ms. Loss on the way
// takes what goes beyond; a limit takes only a router's own answer.
type network struct {
	length  int
	lossAt  int                                   // packets are lost between this TTL and the one before; 0: nowhere
	loss    func(ms float64) float64              // how many of them
	limits  map[int]func(ms float64) float64      // own silence of a router, by TTL
	mute    bool                                  // the target answers nothing
	rewrite func(e *Event, ttl int, r *rand.Rand) // last word on an answer
	rand    *rand.Rand
}

// a rate that holds all the time, and one that holds from-to.
func always(p float64) func(float64) float64 { return func(float64) float64 { return p } }
func during(p, from, to float64) func(float64) float64 {
	return func(ms float64) float64 {
		if ms >= from && ms < to {
			return p
		}
		return 0
	}
}

func (w *network) probe(n, ttl int, ms float64) Event {
	e := Event{E: EventProbe, N: n, TTL: ttl, MS: ms, DeadlineMS: 1000, Kind: KindLost}
	at := ttl
	if ttl == 0 || ttl > w.length {
		at = w.length
	}
	if w.lossAt > 0 && at >= w.lossAt && w.rand.Float64() < w.loss(ms) {
		return e
	}
	if l := w.limits[at]; l != nil && w.rand.Float64() < l(ms) {
		return e
	}
	us := int64(at)*1000 + w.rand.Int64N(300)
	switch {
	case at < w.length:
		e.Kind, e.US, e.Addr = KindExpired, &us, router(at)
	case !w.mute:
		e.Kind, e.US, e.Addr = KindReply, &us, testTarget
	}
	if w.rewrite != nil {
		w.rewrite(&e, at, w.rand)
	}
	return e
}

// trace is what a trace of so many seconds sees: a first look, then a
// round a second and five probes a second to the target.
func (w *network) trace(seconds int, edit func(*Target)) []Event {
	t := Target{Asked: testTarget.String(), Address: testTarget, Protocol: "icmp", Size: 64, Interval: 1000, MaxTTL: 30}
	if edit != nil {
		edit(&t)
	}
	events := []Event{{E: EventStart, At: testStart, Schema: 1, Node: "hk1", Target: &t}}
	n := 0
	send := func(ttl int, ms float64) {
		events = append(events, w.probe(n, ttl, ms))
		n++
	}
	top := 16
	for wave := range 3 {
		ms := float64(150 * wave)
		send(0, ms+0.2)
		for ttl := 1; ttl <= top; ttl++ {
			send(ttl, ms+0.2+float64(ttl)*0.2)
		}
		if !w.mute {
			top = w.length - 1
		}
	}
	events = append(events, Event{E: EventPhase, MS: 500, Phase: PhaseFirstLook})
	if seconds > 0 {
		events = append(events, Event{E: EventPhase, MS: 501, Phase: PhaseLongLook})
	}
	if !w.mute {
		top = w.length
	}
	for s := range seconds {
		for k := range 5 {
			send(0, 600+float64(s)*1000+float64(k)*200)
		}
		for ttl := 1; ttl <= top; ttl++ {
			send(ttl, 600+float64(s)*1000+float64(ttl)*7)
		}
	}
	return append(events, Event{E: EventEnd, MS: 600 + float64(seconds)*1000 + 900, Ended: EndedComplete})
}

func fold(t testing.TB, events []Event) *Report {
	t.Helper()
	r, err := Fold(testAsked, Node{Name: "hk1", Place: "Hong Kong"}, events, Options{Versions: Versions{MTRQ: "0.1.0", MTRPacket: "0.95"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 1)) }

func linkText(l *Link) string {
	if l == nil {
		return "none"
	}
	return fmt.Sprintf("%d-%d", l.From.TTL, l.To.TTL)
}
