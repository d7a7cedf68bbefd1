package lab

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Addresses come from the ranges kept for documentation and benchmarks (RFC 5737, RFC 2544, RFC 3849). Targets are
// spread over several /16, because a prober may judge by that whether its own uplink is cut.
const (
	maxTreeTargets = 60000
	sharedStages   = 3 // routers that every path begins with
)

// proberAddrs are the addresses of the prober and of its gateway, the first router.
func proberAddrs() (src4, gw4, src6, gw6 netip.Addr) {
	return netip.AddrFrom4([4]byte{192, 0, 2, 1}), netip.AddrFrom4([4]byte{192, 0, 2, 254}),
		v6Addr(0, 1), v6Addr(0, 0xfe)
}

// v6Addr is 2001:db8:KIND::N, so that a reader sees what an address belongs to: 0 the prober, 1 routers, 2 targets.
func v6Addr(kind uint16, n uint32) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(kind >> 8), byte(kind),
		12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
}

// routerAddrs are the addresses of the i-th router: 198.18.x.y and 2001:db8:1::.
func routerAddrs(i int) (v4, v6 netip.Addr) {
	n := i + 1
	return netip.AddrFrom4([4]byte{198, 18, byte(n >> 8 & 0x7f), byte(n)}), v6Addr(1, uint32(n))
}

// targetAddrs are the addresses of the i-th target: in turn from 203.0.113.0/24, 198.51.100.0/24 and
// 198.19.0.0/16, and from the last alone once the small ones are used up.
func targetAddrs(i int) (v4, v6 netip.Addr) {
	const small = 200
	v6 = v6Addr(2, uint32(i+1))
	switch n := i/3 + 1; {
	case n <= small && i%3 == 0:
		return netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), v6
	case n <= small && i%3 == 1:
		return netip.AddrFrom4([4]byte{198, 51, 100, byte(n)}), v6
	}
	return netip.AddrFrom4([4]byte{198, 19, byte((i + 1) >> 8), byte(i + 1)}), v6
}

// Tree makes a network of targets behind minHops to maxHops TTLs (the target's own counted): the first three
// routers are shared by all, then each TTL doubles the routers until about two targets share one. Every parent is
// unique, so what fails at a router fails for all behind it. Nothing is lost, silent or limited.
func Tree(targets, minHops, maxHops int, seed uint64) (*Topology, error) {
	if targets < 1 || targets > maxTreeTargets {
		return nil, fmt.Errorf("make a tree of %d targets: want 1 to %d", targets, maxTreeTargets)
	}
	if minHops < sharedStages+2 || maxHops < minHops || maxHops > maxStages {
		return nil, fmt.Errorf("make a tree of %d to %d hops: want %d to %d", minHops, maxHops, sharedStages+2, maxStages)
	}
	rng := rand.New(rand.NewPCG(seed, 0x6d747271))
	t := &Topology{}
	link := func(min, max time.Duration) LinkID {
		d := min + time.Duration(rng.Int64N(int64(max-min)))
		t.Links = append(t.Links, Link{Delay: d, Jitter: d / 20})
		return LinkID(len(t.Links) - 1)
	}
	widest := min(512, 1<<bits.Len(uint(max(2, targets/2)-1))) // more would use up 198.18.0.0/17
	made := make([]map[uint32]Member, maxHops)                 // by stage, then branch
	for i := range targets {
		branch := rng.Uint32()
		stages := minHops - 1 + rng.IntN(maxHops-minHops+1)
		spec := TargetSpec{}
		spec.Addr4, spec.Addr6 = targetAddrs(i)
		for s := range stages {
			width := uint32(1)
			if s >= sharedStages {
				width = uint32(min(1<<(s-sharedStages+1), widest))
			}
			if made[s] == nil {
				made[s] = map[uint32]Member{}
			}
			m, ok := made[s][branch&(width-1)]
			if !ok {
				m = Member{Router: RouterID(len(t.Routers)), Link: link(stageDelay(s))}
				r := Router{}
				r.Addr4, r.Addr6 = routerAddrs(len(t.Routers))
				if s == 0 {
					_, r.Addr4, _, r.Addr6 = proberAddrs()
				}
				t.Routers = append(t.Routers, r)
				made[s][branch&(width-1)] = m
			}
			spec.Path.Stages = append(spec.Path.Stages, Stage{Members: []Member{m}})
		}
		spec.Path.Last = link(500*time.Microsecond, 3*time.Millisecond)
		t.Targets = append(t.Targets, spec)
	}
	return t, nil
}

// stageDelay is the one-way delay from which a link into this stage (0 is the gateway) is drawn.
func stageDelay(stage int) (minimum, maximum time.Duration) {
	if stage == 0 {
		return 100 * time.Microsecond, 300 * time.Microsecond
	}
	return 200 * time.Microsecond, 4 * time.Millisecond
}
