package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/report"
)

// well is a machine without any trouble.
func well() *report.HostState {
	return &report.HostState{
		Links: []report.HostLink{
			{Name: "lo", Up: true, Carrier: new(true), MTU: 65536, Flaps: new(0)},
			{Name: "eth0", Up: true, Carrier: new(true), SpeedMbps: new(1000), MTU: 1500, RxDropped: 5, Flaps: new(1)},
		},
		Routes:     []string{"default via 192.0.2.254 dev eth0 metric 100", "default via 2001:db8::fe dev eth0 metric 1024"},
		Neighbours: []string{"192.0.2.254 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE", "fe80::1 dev eth0 lladdr 02:00:00:00:00:01 STALE"},
		Resolvers:  []string{"192.0.2.53"},
		Clock:      report.HostClock{Synced: true, OffsetUS: new(int64(12)), ErrorUS: new(int64(900))},
		Load1:      new(0.4), CPUs: new(2), CPUStall: new(1.5),
		Drops: []report.HostCount{{Name: "Udp RcvbufErrors", Count: 3}},
	}
}

func TestChanges(t *testing.T) {
	eth0 := func(s *report.HostState) *report.HostLink { return &s.Links[1] }
	for _, c := range []struct {
		name   string
		before func(*report.HostState)
		after  func(*report.HostState)
		want   []string
	}{
		{"nothing", nil, nil, nil},
		{"carrier lost", nil, func(s *report.HostState) { eth0(s).Carrier, eth0(s).Flaps = new(false), new(2) }, []string{"eth0 lost its carrier"}},
		{
			"carrier back", func(s *report.HostState) { eth0(s).Carrier = new(false) }, func(s *report.HostState) { eth0(s).Flaps = new(2) },
			[]string{"eth0 has its carrier back"},
		},
		{
			"carrier gone and back, seen neither time", nil, func(s *report.HostState) { eth0(s).Flaps = new(3) },
			[]string{"eth0: carrier changed 2 times"},
		},
		{"carrier unknown", nil, func(s *report.HostState) { eth0(s).Carrier, eth0(s).Flaps, eth0(s).SpeedMbps = nil, nil, nil }, nil},
		{"taken down", nil, func(s *report.HostState) { eth0(s).Up, eth0(s).Carrier = false, nil }, []string{"eth0 was taken down"}},
		{
			"brought up without carrier", func(s *report.HostState) { eth0(s).Up, eth0(s).Carrier = false, nil },
			func(s *report.HostState) { eth0(s).Carrier = new(false) }, []string{"eth0 was brought up, but has no carrier"},
		},
		{
			"slower, smaller, losing", nil, func(s *report.HostState) {
				*eth0(s) = report.HostLink{
					Name: "eth0", Up: true, Carrier: new(true), SpeedMbps: new(100), MTU: 1400,
					RxErrors: 1, RxDropped: 17, TxErrors: 2, TxDropped: 3, Flaps: new(1),
				}
			},
			[]string{
				"eth0: speed changed from 1000 to 100 Mbit/s", "eth0: MTU changed from 1500 to 1400",
				"eth0: 1 packet received with errors", "eth0: 12 packets dropped while receiving",
				"eth0: 2 packets not sent because of errors", "eth0: 3 packets dropped while sending",
			},
		},
		{"counters of a link that was made anew", nil, func(s *report.HostState) { eth0(s).RxDropped, eth0(s).Flaps = 0, new(0) }, nil},
		{
			"another link", nil, func(s *report.HostState) {
				s.Links[1].Name = "eth1"
				s.Links = append(s.Links, report.HostLink{Name: "veth1a2b3c4"})
			},
			[]string{"eth0 is gone", "eth1 is new"},
		},
		{
			"another gateway", nil, func(s *report.HostState) { s.Routes[0] = "default via 192.0.2.253 dev eth0 metric 100" },
			[]string{"default route changed from 192.0.2.254 dev eth0 metric 100 to 192.0.2.253 dev eth0 metric 100"},
		},
		{
			"routes gone and new", nil, func(s *report.HostState) { s.Routes = []string{s.Routes[0], "default dev wg0"} },
			[]string{"default route gone: 2001:db8::fe dev eth0 metric 1024", "default route new: dev wg0"},
		},
		{"routes in another order", nil, func(s *report.HostState) { s.Routes = []string{s.Routes[1], s.Routes[0]} }, nil},
		{"routes unknown", nil, func(s *report.HostState) { s.Routes = nil }, nil},
		{"network unknown", func(s *report.HostState) { s.Links, s.Routes, s.Neighbours, s.Drops = nil, []string{}, nil, nil }, nil, nil},
		{
			"gateways fail", nil, func(s *report.HostState) {
				s.Neighbours = []string{"192.0.2.254 dev eth0 FAILED", "fe80::1 dev eth0 INCOMPLETE"}
			},
			[]string{"neighbour 192.0.2.254 now FAILED", "neighbour fe80::1 dev eth0 now INCOMPLETE"},
		},
		{
			"a gateway answers again", func(s *report.HostState) { s.Neighbours[0] = "192.0.2.254 dev eth0 FAILED" }, nil,
			[]string{"neighbour 192.0.2.254 no longer FAILED"},
		},
		{
			"neighbours as they always change", nil, func(s *report.HostState) {
				s.Neighbours = []string{"192.0.2.254 dev eth0 lladdr 02:00:00:00:00:01 STALE"}
			},
			nil,
		},
		{
			"another machine", nil, func(s *report.HostState) { s.Neighbours[0] = "192.0.2.254 dev eth0 lladdr 02:00:00:00:00:02 REACHABLE" },
			[]string{"neighbour 192.0.2.254 is another machine: lladdr changed from 02:00:00:00:00:01 to 02:00:00:00:00:02"},
		},
		{
			"a line that is none", nil, func(s *report.HostState) { s.Neighbours[0] = "192.0.2.254 FAILED" }, nil,
		},
		{"resolvers", nil, func(s *report.HostState) { s.Resolvers = []string{} }, []string{"resolvers changed from 192.0.2.53 to none"}},
		{"resolvers unknown", nil, func(s *report.HostState) { s.Resolvers = nil }, nil},
		{
			"clock", nil, func(s *report.HostState) { s.Clock = report.HostClock{ErrorUS: new(int64(16_000_000))} },
			[]string{"the clock is no longer synchronised"},
		},
		{"clock unknown", nil, func(s *report.HostState) { s.Clock = report.HostClock{} }, nil},
		{
			"counters", nil, func(s *report.HostState) {
				s.Drops = []report.HostCount{{Name: "Udp RcvbufErrors", Count: 33}, {Name: "conntrack drop", Count: 2}}
			},
			[]string{"Udp RcvbufErrors grew by 30", "conntrack drop grew by 2"},
		},
		{
			"busy", nil, func(s *report.HostState) { s.Load1, s.CPUStall = new(7.2), new(63.0) },
			[]string{"load 7.2 on 2 processors", "programs wait for a processor 63 % of the time"},
		},
		{
			"was busy", func(s *report.HostState) { s.Load1, s.CPUs, s.CPUStall = new(1.5), new(1), new(50.0) }, nil,
			[]string{"load was 1.5 on 1 processor at first", "programs waited for a processor 50 % of the time at first"},
		},
		{"load of an unknown number of processors", nil, func(s *report.HostState) { s.Load1, s.CPUs = new(7.2), nil }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := well(), well()
			if c.before != nil {
				c.before(before)
			}
			if c.after != nil {
				c.after(after)
			}
			if d := cmp.Diff(c.want, Changes(before, after)); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
	if got := Changes(nil, well()); got != nil {
		t.Errorf("without a first snapshot: %q", got)
	}
	if got := (&Reader{}).Changes(well(), nil); got != nil {
		t.Errorf("without a last snapshot: %q", got)
	}
}
