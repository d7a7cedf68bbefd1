package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"
)

// send is a process that submits something, one way or another.
func (w *world) send() {
	p := w.process(true)
	p.other = func(string) { // the runner's turn
		if w.busy || w.queue == nil || !w.queue.recovered || w.rnd.IntN(12) > 0 || w.runner.left == 0 {
			return
		}
		w.busy = true
		w.claim(3)
		if len(w.held) > 0 {
			w.work(w.held[w.rnd.IntN(len(w.held))])
		}
		w.busy = false
	}
	s := w.open(p)
	ctx := context.Background()
	job := Job{Target: "203.0.113.7", Source: "cli", Reason: "model"}
	switch w.rnd.IntN(8) {
	case 6:
		w.recipe(p)
	case 7:
		w.inPlace(p)
	case 0:
		ids, err := s.SubmitBatch(ctx, Job{Source: "cli"}, []string{"203.0.113.8", "203.0.113.9"}[:1+w.rnd.IntN(2)])
		if err == nil {
			for _, id := range ids {
				w.ack(id, "batch")
			}
		}
	case 1:
		job.ID, _ = s.newID()
		if _, err := s.SubmitDrop(ctx, job); err == nil || w.plant == "early drop" {
			w.ack(job.ID, "drop")
		}
	case 2: // a stranger's file; nobody is told anything
		name := fmt.Sprintf("/drop/x%d", w.rnd.IntN(3))
		text := []string{"target = \"203.0.113.10\"\n", "target = 7\n"}[w.rnd.IntN(2)]
		if n, err := w.fs.create(name, 0o644, []byte(text)); err == nil && w.rnd.IntN(2) == 0 {
			n.mtime = n.mtime.Add(-settleFor) // written some time ago
		}
	case 3: // the watchdog, which is the runner's own process
		if w.busy || w.queue == nil || w.runner.left == 0 || !w.queue.recovered {
			return
		}
		rs := w.queue.s
		id, err := rs.newID()
		if err == nil {
			job.ID, job.Source = id, "watchdog"
			if rs.SubmitGiven(ctx, job, []byte("{\"e\":\"start\"}\n{\"e\":\"p\",\"n\":0}\n")) == nil {
				w.ack(id, "given")
			}
		}
	default:
		if id, err := s.Submit(ctx, job); err == nil {
			w.ack(id, "submit")
		}
	}
}

// recipe is a stranger's script: write, rename, sync. The runner may see the
// rename.
func (w *world) recipe(p *memProc) {
	w.files++
	name := fmt.Sprintf("recipe%d", w.files)
	if w.files%3 == 0 {
		name += "\n\xe9" // no text can hold it
	}
	if p.write("/drop/."+name, 0o640, []byte("target = \"203.0.113.11\"\n")) != nil || p.move("/drop/."+name, "/drop/"+name) != nil {
		return
	}
	if w.queue != nil && w.rnd.IntN(2) == 0 {
		if _, i, err := w.fs.node("/drop/" + name); err == nil {
			a := &w.queue.s.arrived
			if a.ino == nil {
				a.ino = map[string]uint64{}
			}
			a.ino[name] = uint64(i)
		}
	}
	if p.syncDir("/drop") == nil {
		w.named[nameAsText(name)] = true
		w.counts.Acknowledged++
	}
}

// inPlace is one that writes under the name itself, in two parts, and changes
// the rights in between.
func (w *world) inPlace(p *memProc) {
	w.files++
	name := fmt.Sprintf("/drop/slow%d", w.files)
	if p.write(name, 0o600, []byte("target = \"203.0.113.12\"\n")) != nil {
		return
	}
	n, _, err := w.fs.node(name)
	if err != nil {
		w.fail("%s was taken as soon as it was there", name)
		return
	}
	n.mode, n.ctime = 0o640, w.now()
	for range 3 { // the runner's turn
		if _, err := p.step("write", name); errors.Is(err, errKilled) {
			return
		}
	}
	if _, _, err := w.fs.node(name); err != nil {
		w.fail("%s was taken half-written", name)
		return
	}
	n.data = append(slices.Clone(n.data), "reason = \"the second half\"\n"...)
	n.mtime, n.ctime = w.now(), w.now()
}

func (w *world) ack(id ulid.ULID, how string) {
	w.acked[id] = how
	w.counts.Acknowledged++
}
