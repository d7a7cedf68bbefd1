package report

import (
	"net/netip"
	"time"

	"github.com/oklog/ulid/v2"
)

func ptr[T any](v T) *T { return &v }

// documented is the incident that docs/formats.md shows: two targets
// behind one router, three minutes, every field once.
func documented() *Incident {
	at := func(ms int) time.Time {
		return time.Date(2026, 11, 23, 14, 5, 33, 104000000, testZone).Add(time.Duration(ms) * time.Millisecond)
	}
	opt := func(ms int) *time.Time { return ptr(at(ms)) }
	addr := netip.MustParseAddr
	rtts := func(us ...int64) []*int64 { // 0: none
		out := make([]*int64, len(us))
		for i, u := range us {
			if u > 0 {
				out[i] = ptr(u)
			}
		}
		return out
	}
	every := func(from, step, n int) []int64 {
		var out []int64
		for i := range n {
			out = append(out, int64(from+i*step))
		}
		return out
	}
	path := func(ms int, third string, answered, asked int) *Path {
		hop := func(ttl int, us int64, addrs ...netip.Addr) PathHop {
			return PathHop{TTL: ttl, Addrs: addrs, RTTUS: ptr(us), Answered: answered, Asked: asked}
		}
		return &Path{At: at(ms), Hops: []PathHop{hop(1, 410, addr("198.18.0.1")), hop(2, 1600, addr("198.18.0.5")), hop(3, 5190, addr(third)),
			{TTL: 4, Addrs: []netip.Addr{}, Asked: asked}, hop(5, 9040, addr("203.0.113.7"))}}
	}
	first := Member{
		Target: "203.0.113.7", Address: addr("203.0.113.7"), Group: "gz-edge", Tags: map[string]string{"circuit": "GZ-2231"},
		Trigger: TriggerLoss, Began: at(0), Noticed: at(500), Probed: opt(527), Opened: at(1620), LastLoss: opt(189000), Recovered: opt(190000),
		Reports: []ulid.ULID{testID}, Lost: 190, Sent: 190, Usual: &Usual{P50US: 9040, P95US: 9310, Lost: 0, Sent: 300},
		Burst: &Pings{From: at(520), TxMS: every(0, 100, 10), RTTUS: rtts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0), Answer: "----------"},
		Pings: Pings{From: at(-4000), TxMS: append(every(0, 1000, 7), every(191000, 1000, 7)...),
			RTTUS: rtts(9040, 9010, 9120, 9030, 0, 0, 0, 0, 0, 0, 9020, 9070, 9030, 9050), Answer: "rrrr------rrrr", Skipped: 184},
		Dense: &Pings{From: at(188800), TxMS: every(0, 500, 6), RTTUS: rtts(0, 0, 0, 512300, 9080, 0), Answer: "---lr?"},
		Meter: []Bucket{{At: at(-33104), Lost: 27, Sent: 27}, {At: at(26896), Lost: 60, Sent: 60}, {At: at(86896), Lost: 60, Sent: 60},
			{At: at(146896), Lost: 43, Sent: 47, MinUS: ptr[int64](9020), MedUS: ptr[int64](9030), MaxUS: ptr[int64](9070)}},
		Before: path(-120000, "198.18.0.9", 24, 24), After: path(193200, "198.18.0.10", 1, 1),
	}
	second := Member{
		Target: "edge.example.net", Address: addr("203.0.113.130"), Trigger: TriggerLoss, Began: at(400), Noticed: at(900), Opened: at(2100), LastLoss: opt(188400), Recovered: opt(189400),
		Lost: 189, Sent: 189, Pings: Pings{From: at(-600), TxMS: append(every(0, 1000, 4), every(188000, 1000, 4)...), RTTUS: rtts(9240, 0, 0, 0, 0, 0, 9210, 9260), Answer: "r-----rr", Skipped: 184},
	}
	state := func(ms int, drops uint64) *HostState {
		return &HostState{At: at(ms),
			Links: []HostLink{{Name: "eth0", Up: true, Carrier: ptr(true), SpeedMbps: ptr(1000), MTU: 1500, RxDropped: drops, Flaps: ptr(2)}}, Routes: []string{"default via 192.0.2.254 dev eth0 metric 100"},
			Neighbours: []string{"192.0.2.254 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE"}, Resolvers: []string{"192.0.2.53"},
			Clock: HostClock{Synced: true, OffsetUS: ptr[int64](-84), ErrorUS: ptr[int64](12500)}, Load1: ptr(0.31), CPUs: ptr(2), CPUStall: ptr(0.4), Drops: []HostCount{{"Udp RcvbufErrors", 3}}}
	}
	inc := &Incident{
		Schema: IncidentSchema, ID: ulid.MustParse("01KAR1ACT0W4M6E8G2N7P3QRSZ"), State: IncidentClosed, Trigger: TriggerLoss,
		Node: Node{Name: "hk1", Place: "Hong Kong", Address: addr("192.0.2.10"), Source: addr("192.0.2.1")}, At: at(250000),
		Times:    IncidentTimes{Began: at(0), Noticed: at(500), Probed: opt(527), Opened: at(1620), LastLoss: opt(189000), Recovered: opt(190000), Closed: opt(250000)},
		Episodes: []Episode{{From: at(0), To: opt(190000)}}, Members: []Member{first, second}, Affected: 2, Watched: 40, Clean: 38,
		Controls: []netip.Addr{addr("198.51.100.77"), addr("203.0.113.9"), addr("203.0.113.78")},
		Common:   &Common{From: addr("198.18.0.5"), To: addr("198.18.0.9"), Suspects: []netip.Addr{addr("198.18.0.9")}, Behind: 2, Lossy: 2, Loss: 100, Chance: 0.993},
		Canaries: []Canary{
			{Kind: CanaryLoopback, Target: "127.0.0.1", Addr: addr("127.0.0.1"), Known: true, Lost: 0, Sent: 249},
			{Kind: CanaryGateway, Target: "192.0.2.254", Addr: addr("192.0.2.254"), Known: true, Lost: 0, Sent: 249},
			{Kind: CanaryAnchor, Target: "198.51.100.53", Addr: addr("198.51.100.53"), Known: true, Lost: 0, Sent: 249},
		},
		Host: Host{Opened: state(1620, 0), Closed: state(250000, 2), Changed: []string{"eth0: 2 more packets dropped on receiving"},
			Stalls: []Stall{{At: at(201350), MS: 1350}}},
		Notes: []string{"203.0.113.9 lost its name meanwhile and was not asked"}, Versions: Versions{MTRQ: "0.1.0", MTRPacket: "0.95", Rules: RulesVersion},
	}
	inc.Verdict = JudgeIncident(inc, nil)
	return inc
}
