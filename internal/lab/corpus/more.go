package main

import (
	"fmt"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

// paths is reroutes while a trace runs.
func (b *book) paths() {
	for i := range 8 {
		ttl := 2 + b.IntN(6)
		r := recipe{group: "reroute", hops: 9, label: report.PathChanged}
		r.script = []string{fmt.Sprintf("%ds detour ttl=%d", 6+b.IntN(8), ttl)}
		if i%4 == 3 {
			r.script[0] += " for 8s"
		}
		r.truth = r.script[0]
		b.add(r)
	}
	for i := range 4 { // packets are lost on the old way until it
		ttl := 3 + b.IntN(5)
		r := recipe{group: "reroute-loss", hops: 9, link: ttl, share: []float64{0.5, 1}[i%2], unsure: true}
		r.script = []string{fmt.Sprintf("3s loss ttl=%d %s %g%% for 6s", ttl, direction(i), 100*r.share), fmt.Sprintf("9s detour ttl=%d", ttl)}
		r.truth = r.script[0] + ", " + r.script[1]
		b.add(r)
	}
}

// delays is queues on a link, and routers whose own answers are slow.
func (b *book) delays() {
	for range 10 {
		r := recipe{group: "delay", hops: 7 + b.IntN(5), label: report.Latency, enough: true}
		ttl := 2 + b.IntN(r.hops-2)
		r.place = [2]int{ttl - 1, ttl}
		r.script = []string{fmt.Sprintf("%ds delay ttl=%d +%dms", 6+b.IntN(5), ttl, 40+b.IntN(60))}
		if b.IntN(3) == 0 {
			r.script[0] += " for 7s"
		}
		r.truth = r.script[0]
		b.add(r)
	}
	for range 4 {
		b.add(recipe{group: "slow-router", hops: 8, script: []string{fmt.Sprintf("4s slow ttl=%d %dms", 2+b.IntN(5), 50+b.IntN(200))}})
	}
}

// loops is two or three routers that send packets round.
func (b *book) loops() {
	for i := range 10 {
		at, of := 3+b.IntN(3), 2+i%2
		r := recipe{group: "loop", hops: 10, label: report.RoutingLoop, place: [2]int{at, at + 1}, known: i%4 == 1, blame: true}
		r.truth = fmt.Sprintf("from TTL %d on over %d routers", at, of)
		loop := func(n *lab.Net) {
			p := n.Target(0).Path
			stages := append([]lab.Stage{}, p.Stages[:at-1]...)
			for len(stages) < 64 {
				stages = append(stages, p.Stages[at-1:at-1+of]...)
			}
			n.Reroute(0, lab.Path{Stages: stages[:64], Last: p.Last})
		}
		if i < 5 {
			r.harm = loop
		} else {
			r.group, r.script, r.then = "loop-begins", []string{"5s then"}, loop
			r.truth += " after 5 s"
		}
		b.add(r)
	}
}

// silence is targets that answer nothing.
func (b *book) silence() {
	for i := range 6 {
		hops := 7 + b.IntN(4)
		ttl := 2 + b.IntN(hops-3)
		known := i%2 == 0
		r := recipe{group: "cut", hops: hops, known: known, label: report.NotProven, truth: fmt.Sprintf("black hole at %d", ttl)}
		r.before = []string{fmt.Sprintf("blackhole ttl=%d", ttl)}
		if known {
			r.label, r.place, r.enough, r.blame = report.RealLoss, [2]int{ttl, ttl + 1}, true, true
		}
		b.add(r)
	}
	for i := range 6 {
		r := recipe{group: "filtered", label: report.TargetFilters, truth: "the target drops ICMP"}
		r.before = []string{"filter target=0 icmp"}
		if i%2 == 1 {
			r.before = []string{"filter target=0 icmp+udp+tcp"}
			r.label, r.truth = report.NotProven, "the target drops everything"
		}
		b.add(r)
	}
	for i, why := range []string{"net", "host", "admin", "host", "net"} {
		hops := 7
		ttl := 2 + b.IntN(hops-3)
		r := recipe{group: "unreachable", hops: hops, known: i%2 == 0, label: report.TargetFilters, truth: fmt.Sprintf("%s unreachable from %d on", why, ttl)}
		r.before = []string{fmt.Sprintf("unreachable ttl=%d %s", ttl, why)}
		if r.known {
			r.label, r.place, r.enough, r.blame = report.RealLoss, [2]int{ttl, ttl + 1}, true, true
		}
		b.add(r)
	}
}

// others is UDP and TCP, loss that the watchdog saw, and a machine that loses
// its route.
func (b *book) others() {
	for i := range 6 {
		p := []probe.Protocol{probe.UDP, probe.TCP}[i%2]
		r := recipe{group: string(p), hops: 9, protocol: p, link: 3 + b.IntN(5), share: []float64{0.3, 0.5, 1}[i/2]}
		r.unsure = p == probe.TCP
		r.script = []string{fmt.Sprintf("3s loss ttl=%d %s %g%% for 8s", r.link, direction(i), 100*r.share)}
		r.truth = r.script[0]
		b.add(r)
	}
	for i := range 6 {
		r := recipe{group: "watch", hops: 8, pings: 6 * time.Second, label: report.Recovered}
		link := 2 + b.IntN(6)
		r.before = []string{fmt.Sprintf("loss ttl=%d %s %d%%", link, direction(i), []int{100, 70}[i%2])}
		r.script = []string{"0s over"}
		r.truth = r.before[0] + ", over when the trace began"
		b.add(r)
	}
	for range 3 {
		b.add(recipe{group: "no-route", hops: 8, label: report.OwnNetwork, place: [2]int{0, 1}, enough: true, blame: true,
			script: []string{fmt.Sprintf("%ds noroute", 2+b.IntN(4))}, truth: "this machine had no route for 5 s"})
	}
}

// memories is paths with silent routers that are known to be, and loss behind
// them.
func (b *book) memories() {
	for i := range 8 {
		r := recipe{group: "usual", hops: 9, memory: true, known: true}
		for range 2 {
			r.before = append(r.before, fmt.Sprintf("limit ttl=%d rate=0.5 burst=1", 2+b.IntN(7)))
		}
		if i%2 == 0 {
			r.link, r.share, r.unsure = 2+b.IntN(7), []float64{0.3, 0.5, 1, 0.7}[i/2], true
			r.script = []string{fmt.Sprintf("2s loss ttl=%d %s %g%% for 9s", r.link, direction(i/2), 100*r.share)}
			r.truth = r.script[0]
		}
		b.add(r)
	}
	for range 4 {
		b.add(recipe{group: "usual-reroute", hops: 9, memory: true, known: true, label: report.PathChanged, moved: 4, truth: "other routers than in memory"})
	}
}

// stalls is a machine that stands still in the midst of a trace over a line that
// loses nothing, with routers that limit their answers in half of them.
func (b *book) stalls() {
	for i := range 6 {
		from := time.Duration(3000+b.IntN(4000)) * time.Millisecond
		r := recipe{group: "stall", label: report.MeasurementFault, stall: [2]time.Duration{from, from + time.Duration(2500+b.IntN(3000))*time.Millisecond}}
		r.truth = fmt.Sprintf("the machine stood still from %v to %v", r.stall[0], r.stall[1])
		r.hops = 7 + b.IntN(5)
		if i%2 == 1 {
			r.before = []string{fmt.Sprintf("limit ttl=%d rate=0.5 burst=2", 2+b.IntN(5))}
		}
		b.add(r)
	}
}
