package spool

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// TestModel runs random lives of senders and runners on a filesystem that
// forgets what was not synced, and holds each to the promise: every
// acknowledged job is named in exactly one report, or lies in bad/ with a
// reason beside it. make torture runs 100,000.
func TestModel(t *testing.T) { modelCampaign(t, modelSequences) }

func modelCampaign(t *testing.T, n int) {
	var total modelCounts
	var mu sync.Mutex
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				seed := next.Add(1)
				if seed > int64(n) || t.Failed() {
					return
				}
				w := newWorld(uint64(seed), nil)
				if err := w.liveThrough(); err != nil {
					t.Errorf("seed %d: %v\nrun it alone: MTRQ_MODEL_SEED=%d go test -run TestModelSeed -v ./spool/", seed, err, seed)
				}
				mu.Lock()
				total.add(w.counts)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d sequences: %+v", n, total)
	if total.PowerCuts == 0 || total.Kills == 0 || total.Acknowledged == 0 || total.Interrupted == 0 || total.Joined == 0 || total.Bad == 0 {
		t.Errorf("the campaign did not reach everything: %+v", total)
	}
}

// liveThrough is live that makes an error of a panic, for its seed to be told.
func (w *world) liveThrough() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return w.live()
}

// TestModelCatchesPlantedLoss breaks the spool in ways that lose jobs: the
// auditor must see each of them, or its silence above means nothing.
func TestModelCatchesPlantedLoss(t *testing.T) {
	lies := func(op, where string) func(string, string) bool {
		return func(o, p string) bool { return o == op && strings.Contains(p+"/", where) }
	}
	plants := []struct {
		name  string
		plant func(*world)
		says  string
	}{
		{"new/ is not synced after a submit", func(w *world) { w.fs.lies = lies("sync", "/new/") }, "LOST"},
		{"drop/ is not synced after a submit", func(w *world) { w.fs.lies = lies("sync", "/drop/") }, "LOST"},
		{"a job's file is not synced", func(w *world) { w.fs.lies = lies("write", "/tmp/") }, "TORN"},
		{"bad/ is not synced before a batch goes", func(w *world) { w.fs.lies = lies("sync", "/bad/") }, "LOST"},
		{"a job is let go before its report", func(w *world) { w.plant = "finish first" }, "LOST"},
		{"a job that is reported is traced again", func(w *world) { w.plant = "forgetful archive" }, "claimed again"},
		{"a drop is acknowledged before its rename", func(w *world) { w.plant = "early drop" }, "LOST"},
	}
	for _, c := range plants {
		t.Run(c.name, func(t *testing.T) {
			for seed := uint64(1); seed <= 5_000; seed++ {
				w := newWorld(seed, c.plant)
				if err := w.live(); err != nil && strings.Contains(err.Error(), c.says) {
					first, _, _ := strings.Cut(err.Error(), "\n")
					t.Logf("caught by sequence %d: %s", seed, first)
					return
				}
			}
			t.Error("5,000 sequences and nobody noticed")
		})
	}
}

// modelCounts say what a campaign has reached.
type modelCounts struct {
	Acknowledged, Reported, Interrupted, Joined, Bad, Returned, Kills, PowerCuts, Faults int
}

func (c *modelCounts) add(o modelCounts) {
	c.Acknowledged += o.Acknowledged
	c.Reported += o.Reported
	c.Interrupted += o.Interrupted
	c.Joined += o.Joined
	c.Bad += o.Bad
	c.Returned += o.Returned
	c.Kills += o.Kills
	c.PowerCuts += o.PowerCuts
	c.Faults += o.Faults
}

// world is a spool, those who use it, and what they were told.
type world struct {
	rnd     *rand.Rand
	fs      *memFS
	clock   time.Time
	acked   map[ulid.ULID]string // told to a sender that it is accepted, and how
	reports map[ulid.ULID]int    // durable from the moment of writing
	counts  modelCounts
	wrong   error // the first thing that must not happen
	plant   string
	soon    bool                 // the last runner came so soon that tmp/ may hold what dead senders left
	named   map[string]bool      // files that a stranger synced in drop/: accepted
	sentAs  map[ulid.ULID]string // of the reports
	files   int                  // names that strangers gave
	busy    bool                 // somebody's turn in the middle of another's call

	runner *memProc
	queue  *Queue
	held   []*Claim
	joined map[*Claim]*Claim // whose trace serves it, too
}

func newWorld(seed uint64, plant func(*world)) *world {
	w := &world{
		rnd:   rand.New(rand.NewPCG(seed, 1)),
		clock: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC),
		acked: map[ulid.ULID]string{}, reports: map[ulid.ULID]int{},
		named: map[string]bool{}, sentAs: map[ulid.ULID]string{},
	}
	w.fs = newMemFS(w.rnd, w.now)
	if plant != nil {
		plant(w)
	}
	return w
}

func (w *world) now() time.Time {
	w.clock = w.clock.Add(time.Duration(w.rnd.IntN(2000)) * time.Microsecond)
	return w.clock
}

// open gives a spool as one process sees it.
func (w *world) open(p *memProc) *Spool {
	s := &Spool{dir: "/", opt: Options{Now: w.now}, fs: p, parallel: 1}
	s.ids.entropy = ulid.Monotonic(chance{w.rnd}, 0)
	return s
}

// chance is entropy that falls the same way for the same seed.
type chance struct{ rnd *rand.Rand }

func (c chance) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c.rnd.Uint32())
	}
	return len(p), nil
}

var _ io.Reader = chance{}

// process makes a new process. It may die at one of its calls, and calls may fail.
func (w *world) process(mortal bool) *memProc {
	p := &memProc{memFS: w.fs, left: -1}
	if !mortal {
		return p
	}
	if w.rnd.IntN(2) == 0 {
		p.left = 1 + w.rnd.IntN(120)
	}
	faulty := w.rnd.IntN(3) == 0
	p.fails = func() error {
		if !faulty || w.rnd.IntN(60) > 0 {
			return nil
		}
		w.counts.Faults++
		return []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE}[w.rnd.IntN(4)]
	}
	return p
}

// live is the whole of one sequence: lives with faults, then one without.
func (w *world) live() error {
	for range 1 + w.rnd.IntN(4) {
		w.age(true)
		if w.wrong != nil {
			return w.wrong
		}
		w.clock = w.clock.Add(time.Duration(w.rnd.IntN(int(2 * freshFor))))
	}
	// The last runner comes soon after the crash or much later: what was
	// accepted is taken at once either way.
	if w.soon = w.rnd.IntN(2) == 0; w.soon {
		w.clock = w.clock.Add(settleFor + time.Second)
	} else {
		w.clock = w.clock.Add(time.Hour)
	}
	if w.age(false); w.wrong != nil {
		return w.wrong
	}
	return w.audit()
}

// age is the time from one start of the runner to its end.
func (w *world) age(mortal bool) {
	w.runner, w.queue, w.held, w.joined = w.process(mortal), nil, nil, map[*Claim]*Claim{}
	w.runner.other = w.aside
	if !mortal {
		w.runner.other = nil
	}
	s := w.open(w.runner)
	w.queue = &Queue{s: s, held: map[ulid.ULID]*Claim{}, batches: map[ulid.ULID]*heldBatch{}}
	if mortal {
		w.send() // while nobody runs
	}
	r, err := w.queue.Recover(w.reported)
	if err != nil && !mortal {
		w.fail("recover: %v", err)
	}
	for _, c := range r.Interrupted {
		w.counts.Interrupted++
		w.held = append(w.held, c)
		by := slices.IndexFunc(r.Interrupted, func(o *Claim) bool { return o.ID == c.Joined })
		switch {
		case by >= 0:
			w.joined[c] = r.Interrupted[by]
			w.counts.Joined++
		case !isZeroID(c.Joined):
			w.fail("interrupted job %s joined %s, which is not", c.ID, c.Joined)
		case !c.Sent():
			w.fail("interrupted job %s without a probe", c.ID)
		}
	}
	if mortal {
		for range 4 + w.rnd.IntN(16) {
			w.turn()
		}
		w.endOfAge()
		return
	}
	for range 1000 { // one at a time, where all are on their last attempt
		w.claim(100)
		if len(w.held) == 0 && !w.queue.More() {
			break
		}
		for _, c := range slices.Clone(w.held) {
			w.finish(c)
		}
	}
	if len(w.held) > 0 {
		w.fail("there is still something to claim: %d", len(w.held))
	}
}

// endOfAge is TERM, kill -9 or a power cut.
func (w *world) endOfAge() {
	dead := w.runner.left == 0
	switch {
	case w.rnd.IntN(3) == 0:
		w.counts.PowerCuts++
		w.fs.powerCut()
	case !dead && w.rnd.IntN(2) == 0:
		for _, c := range w.held {
			if w.reports[c.ID] == 0 {
				_ = c.Return() // what cannot be returned stays, and is recovered
			}
		}
		w.queue.lock = nil
		_ = w.queue.Close()
	default:
		w.counts.Kills++
	}
}

// turn is one thing that somebody does.
func (w *world) turn() {
	switch w.rnd.IntN(8) {
	case 0, 1:
		w.send()
	case 2, 3:
		w.claim(1 + w.rnd.IntN(4))
	case 4:
		w.clock = w.clock.Add(3 * time.Second)
	default:
		if len(w.held) > 0 {
			w.work(w.held[w.rnd.IntN(len(w.held))])
		}
	}
}

// aside gives others a turn in the middle of somebody's call.
func (w *world) aside(string) {
	if w.busy || w.rnd.IntN(40) > 0 {
		return
	}
	w.busy = true
	w.send()
	w.busy = false
}

// claim takes jobs and checks that each may be traced.
func (w *world) claim(limit int) {
	claims, _ := w.queue.Claim(w.reported, limit)
	for _, c := range claims {
		if w.reports[c.ID] > 0 {
			w.fail("job %s is reported and was claimed again", c.ID)
		}
		if slices.ContainsFunc(w.held, func(o *Claim) bool { return o.ID == c.ID }) {
			w.fail("job %s was claimed twice", c.ID)
		}
	}
	w.held = append(w.held, claims...)
}

// work takes one claim a step further.
func (w *world) work(c *Claim) {
	if w.reports[c.ID] > 0 { // all that a runner does with it any more
		w.finish(c)
		return
	}
	if w.joined[c] != nil { // it has no life of its own
		return
	}
	switch w.rnd.IntN(9) {
	case 8:
		w.join(c)
	case 0, 1:
		_ = c.Append([]byte(`{"e":"start"}` + "\n"))
	case 2, 3:
		_ = c.Append([]byte(`{"e":"p","n":0}` + "\n"))
	case 4:
		if c.Return() == nil {
			w.counts.Returned++
			w.drop(c)
			w.ofJoined(c, func(o *Claim) { delete(w.joined, o) })
		}
	case 5:
		if c.Bad("cannot be traced") == nil {
			w.counts.Bad++
			w.drop(c)
			w.ofJoined(c, func(o *Claim) {
				if o.Return() == nil {
					w.drop(o)
				}
			})
		}
	default:
		w.finish(c)
	}
}

// finish writes the report, then lets the job go.
func (w *world) finish(c *Claim) {
	if w.plant == "finish first" && w.reports[c.ID] == 0 && c.Finish() == nil {
		w.drop(c)
		if w.rnd.IntN(2) == 0 {
			return // killed before the report
		}
	}
	if w.runner.left == 0 || c.inBad || w.joined[c] != nil && w.reports[c.ID] == 0 {
		return
	}
	if w.reports[c.ID] == 0 {
		w.reports[c.ID]++
		w.sentAs[c.ID] = c.Job.SentAs
		w.counts.Reported++
		w.ofJoined(c, func(o *Claim) { // the same report
			w.reports[o.ID]++
			w.sentAs[o.ID] = o.Job.SentAs
		})
	}
	if c.Finish() == nil {
		w.drop(c)
	}
	w.ofJoined(c, func(o *Claim) {
		if o.Finish() == nil {
			w.drop(o)
		}
	})
}

// join lets another job of which nothing was sent be served by a trace.
func (w *world) join(c *Claim) {
	for _, o := range w.held {
		alone := true
		w.ofJoined(o, func(*Claim) { alone = false })
		if o == c || o.sent || o.inBad || w.joined[o] != nil || !alone || w.reports[o.ID] > 0 {
			continue
		}
		if c.Append([]byte(joinPrefix+o.ID.String()+"\",\"ms\":1}\n")) == nil {
			w.joined[o] = c
			return
		}
	}
}

func (w *world) ofJoined(c *Claim, do func(*Claim)) {
	for _, o := range slices.Clone(w.held) {
		if w.joined[o] == c {
			do(o)
		}
	}
}

func (w *world) drop(c *Claim) {
	w.held = slices.DeleteFunc(w.held, func(o *Claim) bool { return o == c })
}

func (w *world) reported(id ulid.ULID) bool {
	return w.reports[id] > 0 && !(w.plant == "forgetful archive" && w.rnd.IntN(10) == 0)
}

func (w *world) fail(format string, args ...any) {
	if w.wrong == nil {
		w.wrong = fmt.Errorf(format, args...)
	}
}

// audit holds what is left to the promise.
func (w *world) audit() error {
	s := w.open(&memProc{memFS: w.fs, left: -1})
	var errs []error
	for id, how := range w.acked {
		p, err := s.Where(id)
		inBad := err == nil && p.State == StateBad && p.Reason != ""
		switch {
		case err != nil || p.State != StateUnknown && p.State != StateBad:
			errs = append(errs, fmt.Errorf("%s (%s): at the end it is %+v, %v", id, how, p, err))
		case p.State == StateBad && !inBad:
			errs = append(errs, fmt.Errorf("%s (%s): in bad/ without a reason", id, how))
		case w.reports[id] == 0 && !inBad:
			errs = append(errs, fmt.Errorf("%s (%s): LOST: acknowledged, in no report and not in bad/", id, how))
		case w.reports[id] > 0 && inBad && isZeroID(p.Batch):
			errs = append(errs, fmt.Errorf("%s (%s): reported, and in bad/ too", id, how))
		}
	}
	times := map[string]int{} // by name
	for _, name := range w.sentAs {
		times[name]++
	}
	names, err := s.list("bad")
	errs = append(errs, err)
	for _, file := range names {
		n, ok := parseFile(file)
		if j, err := s.readJob(Name{"bad", file}, n.id); ok && !n.reason && n.kind == kindJob && err == nil {
			times[j.SentAs]++
		}
		switch {
		case !ok || n.reason:
			continue
		case n.kind == kindBatch: // told of by its lines
			_, err = s.readBatch(Name{"bad", file}, n.id)
		case n.kind == kindJob && w.acked[n.id] != "":
			_, err = s.readJob(Name{"bad", file}, n.id)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: TORN: acknowledged, and nobody can read it: %w", file, err))
		}
	}
	for name := range w.named {
		switch times[name] {
		case 0:
			errs = append(errs, fmt.Errorf("drop/%s: LOST: accepted, in no report and not in bad/", name))
		case 1:
		default:
			errs = append(errs, fmt.Errorf("drop/%s: DOUBLED: in reports and bad/ %d times", name, times[name]))
		}
	}
	for _, dir := range []string{"tmp", "new", "cur", "drop"} {
		names, err := s.list(dir)
		if dir == "tmp" && w.soon { // senders may be at work there, for all one knows
			names = slices.DeleteFunc(names, func(file string) bool { return !strings.HasSuffix(file, "."+string(kindIntake)) })
		}
		if err != nil || len(names) > 0 {
			errs = append(errs, fmt.Errorf("%s/ still holds %v, %v", dir, names, err))
		}
	}
	return errors.Join(errs...)
}
