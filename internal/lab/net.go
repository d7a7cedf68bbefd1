package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Config says what network Start makes. Zero values have defaults.
type Config struct {
	Targets  int    // 10
	Seed     uint64 // of the tree, of loss and jitter: same seed and same probes, same fate
	HopsMin  int    // 8; TTLs to a target, its own counted
	HopsMax  int    // 15, or HopsMin if that is more
	Limit    Limit  // of every router of the tree
	Topology *Topology
	// TruthRecords bounds the log (about 100 octets a probe): 4 million. The oldest are forgotten first.
	TruthRecords int
}

// Net is a simulated network that runs. Its methods may be called from several goroutines.
type Net struct {
	space  *Space
	engine *engine
	truth  *Truth
	tun    int

	mu     sync.Mutex // held while the state is changed, and for closed
	closed bool
}

// Start makes a namespace with one device, behind which the network is. Nothing in it can reach the outside. Both
// address families are there, ICMP datagram sockets are open to all.
func Start(cfg Config) (*Net, error) {
	top := cfg.Topology
	if top == nil {
		var err error
		hopsMin := orDefault(cfg.HopsMin, 8)
		hopsMax := orDefault(cfg.HopsMax, max(15, hopsMin))
		if top, err = Tree(orDefault(cfg.Targets, 10), min(hopsMin, hopsMax), hopsMax, cfg.Seed); err != nil {
			return nil, err
		}
		for i := range top.Routers {
			top.Routers[i].Limit = cfg.Limit
		}
	}
	if err := top.check(); err != nil {
		return nil, fmt.Errorf("topology: %w", err)
	}
	roomForThreads()
	space, err := newSpace()
	if err != nil {
		return nil, err
	}
	n := &Net{space: space, tun: -1}
	if err := n.start(top, cfg); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func orDefault(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

func (n *Net) start(top *Topology, cfg Config) error {
	n.truth = &Truth{limit: max(2, orDefault(cfg.TruthRecords, 4_000_000)/chunkLen)}
	src4, _, src6, _ := proberAddrs()
	first := top.Routers[top.Targets[0].Path.Stages[0].Members[0].Router]
	err := n.space.Do(func() error {
		var err error
		if n.tun, err = openTUN(); err != nil {
			return err
		}
		if err := openPingSockets(); err != nil {
			return err
		}
		return configureTUN(src4, first.Addr4, src6, first.Addr6)
	})
	if err != nil {
		return err
	}
	if n.engine, err = newEngine(n.tun, n.truth, cfg.Seed); err != nil {
		return err
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return fmt.Errorf("read the monotonic clock: %w", err)
	}
	n.truth.clock = clock{base: time.Now(), monoNs: ts.Nano()}
	n.engine.state.Store(newState(top))
	n.engine.start()
	return nil
}

// Close ends the network. Programs still running inside keep an empty namespace, without a device.
func (n *Net) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	n.closed = true
	var errs error
	if n.engine != nil {
		n.engine.stop()
	}
	if n.tun >= 0 {
		errs = errors.Join(errs, unix.Close(n.tun))
	}
	return errors.Join(errs, n.space.close())
}

// Space is the namespace in which the prober lives.
func (n *Net) Space() *Space { return n.space }

// Truth is the log of the network.
func (n *Net) Truth() *Truth { return n.truth }

// Target is a target as it is at one moment.
type Target struct {
	Index int
	TargetSpec
	hops [][]Router
	rtts []time.Duration
}

// TTL is the smallest TTL that reaches the target.
func (t Target) TTL() int { return len(t.Path.Stages) + 1 }

// Hops are the IPv4 addresses at each TTL from 1 on, the target's own last. Where a stage has several members they
// stand in the order of the stage.
func (t Target) Hops() [][]netip.Addr {
	return t.addrs(func(r Router) netip.Addr { return r.Addr4 }, t.Addr4)
}

// Hops6 are the IPv6 addresses likewise.
func (t Target) Hops6() [][]netip.Addr {
	return t.addrs(func(r Router) netip.Addr { return r.Addr6 }, t.Addr6)
}

func (t Target) addrs(of func(Router) netip.Addr, last netip.Addr) [][]netip.Addr {
	var out [][]netip.Addr
	for _, members := range t.hops {
		var stage []netip.Addr
		for _, r := range members {
			stage = append(stage, of(r))
		}
		out = append(out, stage)
	}
	return append(out, []netip.Addr{last})
}

// RTT is the round trip at a TTL without jitter and a router's slowness; members of a stage after the first may
// differ.
func (t Target) RTT(ttl int) time.Duration { return t.rtts[min(ttl, t.TTL())-1] }

// Router is the (first) router at a TTL.
func (t Target) Router(ttl int) RouterID { return t.Path.Stages[ttl-1].Members[0].Router }

// Link is the link into the (first) router at a TTL, or into the target at its own.
func (t Target) Link(ttl int) LinkID {
	if ttl >= t.TTL() {
		return t.Path.Last
	}
	return t.Path.Stages[ttl-1].Members[0].Link
}

// Target is the i-th target as it is now.
func (n *Net) Target(i int) Target {
	st := n.engine.state.Load()
	t := Target{Index: i, TargetSpec: st.targets[i]}
	for ttl, s := range t.Path.Stages {
		var members []Router
		for _, m := range s.Members {
			members = append(members, st.routers[m.Router])
		}
		t.hops = append(t.hops, members)
		t.rtts = append(t.rtts, st.roundTrip(t.Path, ttl+1))
	}
	t.rtts = append(t.rtts, st.roundTrip(t.Path, t.TTL()))
	return t
}

// Targets is the number of targets.
func (n *Net) Targets() int { return len(n.engine.state.Load().targets) }

// Router is a router as it is now.
func (n *Net) Router(id RouterID) Router { return n.engine.state.Load().routers[id] }

// Routers is the number of routers, those added at run time included.
func (n *Net) Routers() int { return len(n.engine.state.Load().routers) }

// Links is the number of links.
func (n *Net) Links() int { return len(n.engine.state.Load().links) }

// Behind are the targets whose path has the router.
func (n *Net) Behind(id RouterID) []int {
	var out []int
	for i, t := range n.engine.state.Load().targets {
		if slices.ContainsFunc(t.Path.Stages, func(s Stage) bool {
			return slices.ContainsFunc(s.Members, func(m Member) bool { return m.Router == id })
		}) {
			out = append(out, i)
		}
	}
	return out
}
