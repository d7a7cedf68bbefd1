package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// bigArchive is an archive of indexes, files of targets and incidents,
// without reports.
type bigArchive struct {
	dir       string
	loc       *time.Location
	last      archive.Date
	days      int
	perDay    int
	targets   []bigTarget
	incidents int
	lines     int
	bytes     int64
}

type bigTarget struct {
	addr    netip.Addr
	asked   string
	circuit string
	rtt     float64 // µs
	weight  float64 // cumulative
	lines   int
}

const bigZone = "Asia/Shanghai"

// dirName is how a target's directory is called.
func (t *bigTarget) dirName() string { return strings.ReplaceAll(t.addr.String(), ":", "-") }

// generate fills dir. Half of all lines are of a fifth of the targets.
func generate(ctx context.Context, dir string, days, perDay, targets, incidents int, seed uint64) (*bigArchive, error) {
	w, err := archive.OpenWriter(dir, bigZone)
	if err != nil {
		return nil, err
	}
	g := &bigArchive{dir: dir, loc: w.Location(), last: archive.Date{Year: 2026, Month: 11, Day: 23}, days: days, perDay: perDay, incidents: incidents}
	r := rand.New(rand.NewPCG(seed, 10))
	sum := 0.0
	for i := range targets {
		t := bigTarget{addr: netip.AddrFrom4([4]byte{198, 18, byte(i / 250), byte(1 + i%250)}), circuit: fmt.Sprintf("GZ-%04d", i), rtt: 2000 + 80000*r.Float64()}
		if i%10 == 9 {
			t.addr = netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::7", i))
		}
		if t.asked = t.addr.String(); i%7 == 3 {
			t.asked = fmt.Sprintf("edge%d.example.net", i)
		}
		sum += 1 / math.Sqrt(float64(i+100))
		t.weight = sum
		g.targets = append(g.targets, t)
	}
	for i := days - 1; i >= 0 && err == nil && ctx.Err() == nil; i-- {
		err = g.day(r, g.last.Add(-i))
	}
	for i := range incidents {
		if err != nil || ctx.Err() != nil {
			break
		}
		err = w.WriteIncident(g.incident(r, i))
	}
	return g, errors.Join(err, ctx.Err(), w.Close())
}

// day writes a day's index, and the lines of targets.
func (g *bigArchive) day(r *rand.Rand, day archive.Date) error {
	type done struct {
		at   time.Time
		line []byte
		t    int
	}
	start := day.Start(g.loc)
	length := day.Add(1).Start(g.loc).Sub(start)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	list := make([]done, 0, g.perDay)
	last := map[int]archive.Entry{} // by target
	for i := range g.perDay {
		at := start.Add(time.Duration(float64(length) * (float64(i) + r.Float64()) / float64(g.perDay))).Truncate(time.Microsecond)
		n, _ := slices.BinarySearchFunc(g.targets, r.Float64()*g.targets[len(g.targets)-1].weight, func(t bigTarget, w float64) int {
			if t.weight < w {
				return -1
			}
			return 1
		})
		e := g.entry(r, &g.targets[n], at)
		if before, ok := last[n]; ok && r.IntN(10) == 0 && at.Sub(before.At) < 5*time.Minute {
			e.File = before.File // the same trace serves it
		}
		last[n] = e
		buf.Reset()
		if err := enc.Encode(e); err != nil {
			return err
		}
		list = append(list, done{at.Add(time.Duration(20+r.IntN(100)) * time.Second), bytes.Clone(buf.Bytes()), n})
	}
	// Lines come when a trace ends.
	slices.SortFunc(list, func(a, b done) int { return a.at.Compare(b.at) })
	dir := filepath.Join(g.dir, filepath.FromSlash(day.Path()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	index, err := os.Create(filepath.Join(dir, "index.jsonl"))
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(index, 1<<20)
	fmt.Fprintf(out, `{"schema":1,"generation":"%s","day":"%s"}`+"\n", makeULID(r, start), day) // an error of out stays until Flush
	byTarget := make([][]byte, len(g.targets))
	for _, d := range list {
		out.Write(d.line) // the same
		g.bytes += int64(len(d.line))
		i := bytes.LastIndex(d.line, []byte(`"file":"`)) + len(`"file":"`)
		byTarget[d.t] = fmt.Appendf(byTarget[d.t], "%s%02d/%s", d.line[:i], day.Day, d.line[i:])
		g.targets[d.t].lines++
	}
	g.lines += len(list)
	if err := errors.Join(out.Flush(), index.Close()); err != nil {
		return err
	}
	for i, lines := range byTarget {
		if len(lines) == 0 {
			continue
		}
		if err := g.appendTarget(r, &g.targets[i], day, lines); err != nil {
			return err
		}
	}
	return nil
}

func (g *bigArchive) appendTarget(r *rand.Rand, t *bigTarget, day archive.Date, lines []byte) error {
	name := t.dirName()
	month := day.String()[:len("2026-11")]
	dir := filepath.Join(g.dir, "target", hashOf(name), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, month+".jsonl"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err == nil && st.Size() == 0 {
		lines = append(fmt.Appendf(nil, `{"schema":1,"generation":"%s","target":"%s","month":"%s"}`+"\n", makeULID(r, day.Start(g.loc)), t.addr, month), lines...)
	}
	if err == nil {
		_, err = f.Write(lines)
	}
	return errors.Join(err, f.Close())
}

// entry is a request of a mostly healthy network: a fifth lost something.
func (g *bigArchive) entry(r *rand.Rand, t *bigTarget, at time.Time) archive.Entry {
	e := archive.Entry{
		ID: makeULID(r, at), At: at, Node: []string{"hk1", "hk1", "hk1", "gz2", "sh3"}[r.IntN(5)], Target: t.addr, Asked: t.asked, Protocol: "icmp",
		Source: []string{"watchdog", "watchdog", "http", "cli"}[r.IntN(4)], Tags: map[string]string{"circuit": t.circuit, "city": "广州"},
		State: report.Reached, Ended: report.EndedComplete, Verdict: report.Clean, Grade: report.Likely, Freshness: report.After,
	}
	e.Reason = []string{"loss over 20 %", "lost 3 of 12 pings", "baseline", "Zabbix: \"ICMP loss\" > 20 %"}[r.IntN(4)]
	if e.Source == "http" {
		e.Event = fmt.Sprintf("zabbix-%d", r.IntN(1e7))
	}
	ttl, sent, lost, first := 6+r.IntN(10), 100+r.IntN(400), 0, float64(r.IntN(30000))/1000
	if r.IntN(5) == 0 {
		lost = 1 + r.IntN(sent/3)
		e.Verdict, e.Freshness = report.RealLoss, report.InEvent
	}
	avg := int64(t.rtt * (1 + r.Float64()/5))
	low, mid, high := avg-avg/20, avg-avg/100, avg+avg/2
	e.TTL, e.Lost, e.Sent, e.AvgUS, e.MinUS, e.MedianUS, e.MaxUS, e.AskedToFirstProbe = &ttl, &lost, &sent, &avg, &low, &mid, &high, &first
	if r.IntN(100) == 0 { // a target that answers nothing
		e.State, e.Verdict, e.Lost = report.Filtered, report.TargetFilters, &sent
		e.AvgUS, e.MinUS, e.MedianUS, e.MaxUS = nil, nil, nil, nil
	}
	e.File = at.In(g.loc).Format("15/150405-0700_") + t.dirName() + "_" + e.ID.String()
	return e
}

// incident is one of some targets with three minutes of pings each; one in
// twenty has hundreds of them.
func (g *bigArchive) incident(r *rand.Rand, n int) *report.Incident {
	members := 1 + r.IntN(3)
	switch n % 20 {
	case 0:
		members = min(300, len(g.targets))
	case 1, 2, 3:
		members = min(40, len(g.targets))
	}
	opened := g.last.Add(-n * g.days / max(1, g.incidents)).Start(g.loc).Add(time.Duration(r.IntN(20*3600)) * time.Second)
	began, over, closed := opened.Add(-2*time.Second), opened.Add(20*time.Second), opened.Add(6*time.Minute)
	inc := &report.Incident{
		Schema: report.IncidentSchema, ID: makeULID(r, opened), State: report.IncidentClosed, Trigger: report.TriggerLoss, Node: report.Node{Name: "hk1"}, At: closed,
		Times:    report.IncidentTimes{Began: began, Noticed: began.Add(500 * time.Millisecond), Opened: opened, LastLoss: &over, Recovered: &over, Closed: &closed},
		Episodes: []report.Episode{{From: began, To: &over}}, Affected: members, Watched: len(g.targets), Clean: len(g.targets) - members,
	}
	for range members {
		t := &g.targets[r.IntN(len(g.targets))]
		m := report.Member{Target: t.asked, Address: t.addr, Trigger: report.TriggerLoss, Began: began, Noticed: inc.Times.Noticed, Opened: opened, LastLoss: &over, Recovered: &over, Lost: 20, Sent: 180}
		m.Pings.From = began.Add(-time.Minute)
		for i := range 180 {
			us, answer := int64(t.rtt), "r"
			rtt := &us
			if i >= 60 && i < 80 {
				rtt, answer = nil, "-"
			}
			m.Pings.TxMS, m.Pings.RTTUS, m.Pings.Answer = append(m.Pings.TxMS, int64(i)*1000), append(m.Pings.RTTUS, rtt), m.Pings.Answer+answer
		}
		inc.Members = append(inc.Members, m)
	}
	inc.Verdict = report.JudgeIncident(inc, nil)
	return inc
}

func makeULID(r *rand.Rand, at time.Time) ulid.ULID {
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(at)) // fails past the year 10889 only
	for i := 6; i < len(id); i++ {
		id[i] = byte(r.IntN(256))
	}
	return id
}
