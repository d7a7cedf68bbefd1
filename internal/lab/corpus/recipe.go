package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

// A recipe is one case: a network, what is done to it, and how it is traced.
type recipe struct {
	group, name string
	hops        int
	six         bool

	before []string // changes before the trace begins, as lab.Net.Change reads them
	script []string // changes while it runs, as lab.Net.ParseEvent reads them, and: then, noroute, over
	harm   func(*lab.Net)
	then   func(*lab.Net) // what "5s then" of the script does
	moved  int            // between memory and trace, a detour at this TTL

	protocol probe.Protocol
	packets  int // to the target, at least; 0: 100
	rounds   int // exactly so many
	known    bool
	memory   bool             // path memory from a clean trace before
	pings    time.Duration    // the watchdog's, so long before the trace
	stall    [2]time.Duration // since the trace began: nothing leaves, and nobody hears what is answered

	link   int     // where packets are lost
	share  float64 // of them, 0 to 1
	unsure bool    // the hops at the link do not answer as others do
	label  report.Class
	also   []report.Class
	place  [2]int // of a fault that is no loss
	enough bool
	blame  bool // with a label: a line or a machine on the way is at fault
	truth  string
}

// book collects recipes.
type book struct {
	*rand.Rand
	all []recipe
}

func (b *book) add(r recipe) {
	if r.hops == 0 {
		r.hops = 6 + b.IntN(8)
	}
	if r.share == 0 && r.link > 0 {
		r.share = 1
	}
	n := 0
	for _, o := range b.all {
		if o.group == r.group {
			n++
		}
	}
	r.name = fmt.Sprintf("%s-%02d", r.group, n+1)
	b.all = append(b.all, r)
}

func direction(i int) string { return []string{"forward", "backward"}[i%2] }

// recipes are all cases of the corpus.
func recipes(seed uint64) []recipe {
	b := &book{Rand: rand.New(rand.NewPCG(seed, 7))}
	b.clean()
	b.limits()
	b.loss()
	b.short()
	b.ends()
	b.members()
	b.paths()
	b.delays()
	b.loops()
	b.silence()
	b.others()
	b.memories()
	b.stalls() // last, so that the others are drawn as before
	return b.all
}

func (b *book) clean() {
	for i := range 6 {
		b.add(recipe{group: "clean", six: i == 5, packets: []int{30, 100, 100, 200, 300, 100}[i]})
	}
	b.add(recipe{group: "clean", protocol: probe.UDP})
	b.add(recipe{group: "clean", protocol: probe.TCP})
}

func (b *book) limits() {
	for i := range 14 {
		r := recipe{group: "limits", hops: 9, packets: []int{30, 100}[i%2]}
		for range 1 + b.IntN(3) {
			ttl := 1 + b.IntN(8)
			r.before = append(r.before, []string{
				fmt.Sprintf("limit ttl=%d rate=1 burst=6", ttl),
				fmt.Sprintf("limit ttl=%d rate=0.3 burst=2", ttl),
				fmt.Sprintf("limit ttl=%d rate=0.5 burst=1", ttl),
				fmt.Sprintf("silent ttl=%d", ttl),
			}[b.IntN(4)])
		}
		b.add(r)
	}
}

// loss is each rate in both directions: all the time, from the beginning on,
// and within.
func (b *book) loss() {
	for i, percent := range []float64{1, 1, 2, 2, 3, 5, 5, 8, 10, 10, 15, 20, 20, 30, 30, 40, 50, 50, 60, 70, 80, 90} {
		b.lossy("loss", i, percent, 0)
	}
	for i, percent := range []float64{20, 30, 50, 70, 100, 100} {
		b.lossy("loss-begins", i, percent, 1)
	}
	for i, percent := range []float64{20, 30, 30, 50, 50, 70, 100, 100, 100, 100} {
		b.lossy("loss-within", i, percent, 2)
	}
	for i, percent := range []float64{10, 20, 30, 50, 70, 100, 100, 100} {
		r := b.lossy("loss-and-limits", i, percent, 2)
		for range 2 {
			ttl := 1 + b.IntN(r.hops-1)
			if ttl != r.link && ttl != r.link-1 {
				r.before = append(r.before, []string{fmt.Sprintf("limit ttl=%d rate=0.5 burst=2", ttl), fmt.Sprintf("silent ttl=%d", ttl)}[b.IntN(2)])
			}
		}
	}
}

// lossy adds a case of so many percent: all the time (0), from the beginning
// for a while (1), or within the trace (2).
func (b *book) lossy(group string, i int, percent float64, when int) *recipe {
	r := recipe{group: group, hops: 6 + b.IntN(8), share: percent / 100, known: i%3 == 0}
	r.link = 2 + b.IntN(r.hops-2)
	change := fmt.Sprintf("loss ttl=%d %s %g%%", r.link, direction(i), percent)
	switch when {
	case 0:
		r.before = []string{change}
		if percent < 4 {
			r.packets = 200
		}
	case 1:
		r.before = []string{change}
		r.script = []string{fmt.Sprintf("%ds loss ttl=%d %s 0%%", 5+b.IntN(6), r.link, direction(i))}
		r.known = true
	case 2:
		r.script = []string{fmt.Sprintf("%ds %s for %ds", 2+b.IntN(4), change, 4+b.IntN(7))}
	}
	r.truth = change
	b.add(r)
	return &b.all[len(b.all)-1]
}

// short is traces of few packets.
func (b *book) short() {
	for i := range 12 {
		r := recipe{group: "few", hops: 6 + b.IntN(6), rounds: 1 + i%6}
		if i%3 > 0 {
			r.link, r.share = 2+b.IntN(r.hops-1), []float64{0.2, 0.5}[i%2]
			r.truth = fmt.Sprintf("loss ttl=%d %s %g%%", r.link, direction(i), 100*r.share)
			r.before = []string{r.truth}
		}
		b.add(r)
	}
}

// ends is loss on the first and on the last link.
func (b *book) ends() {
	for i, percent := range []float64{20, 30, 50, 70, 90, 100, 100, 100} {
		r := recipe{group: "own-network", link: 1, share: percent / 100}
		r.script = []string{fmt.Sprintf("%ds loss ttl=1 %s %g%% for %ds", 1+b.IntN(4), direction(i), percent, 5+b.IntN(6))}
		r.truth = r.script[0]
		b.add(r)
	}
	for i, percent := range []float64{10, 20, 30, 50, 70, 100, 100} {
		r := recipe{group: "last-link", hops: 8, link: 8, share: percent / 100}
		r.script = []string{fmt.Sprintf("%ds loss target=0 %s %g%% for %ds", 1+b.IntN(4), direction(i), percent, 5+b.IntN(6))}
		r.truth = r.script[0]
		b.add(r)
	}
}

// members is equal-cost paths: clean ones, and one member of which loses.
func (b *book) members() {
	modes := []string{"per-flow", "per-packet", "per-destination"}
	for i := range 6 {
		b.add(recipe{group: "members", hops: 8, before: []string{fmt.Sprintf("spread ttl=%d members=%d %s", 3+b.IntN(4), 2+b.IntN(3), modes[i%3])}})
	}
	for i, percent := range []float64{50, 100, 100, 100, 60, 100, 80, 100} {
		ttl := 3 + b.IntN(4)
		r := recipe{group: "member-loss", hops: 8, link: ttl, share: percent / 200, unsure: true}
		r.before = []string{fmt.Sprintf("spread ttl=%d members=2 %s", ttl, modes[i%2])}
		r.script = []string{fmt.Sprintf("3s loss ttl=%d %s %g%% for %ds", ttl, direction(i), percent, 6+b.IntN(6))}
		r.truth = r.before[0] + ", " + r.script[0]
		b.add(r)
	}
}
