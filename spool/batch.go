package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/pelletier/go-toml/v2"
)

// MaxBatch is the most targets of one batch.
const MaxBatch = 100_000

// maxBatchBytes bounds what is read of a batch: its options and MaxBatch of
// the longest lines.
const maxBatchBytes = MaxJobBytes + MaxBatch*(26+1+253+1)

// SubmitBatch accepts one job for each target with a single sync: one file,
// whole or not at all. options holds what they share (Target, ID and SentAs must be
// empty). The IDs come in the order of the targets. The error is as of Submit; the
// faults of a *JobError have the number of the target as their line.
func (s *Spool) SubmitBatch(ctx context.Context, options Job, targets []string) ([]ulid.ULID, error) {
	if err := s.CheckRoom(); err != nil {
		return nil, err
	}
	if options.Accepted.IsZero() {
		options.Accepted = s.now()
	}
	options.Accepted = options.Accepted.Round(0)
	// The file's own ID and those of its jobs share one time: whoever looks for a job
	// opens only the batches of its millisecond.
	ids, err := s.ids.take(s.now(), len(targets)+1)
	if err != nil {
		return nil, err
	}
	b := batch{id: ids[0], options: options}
	for i, t := range targets {
		if canonical, err := ParseTarget(t); err == nil {
			t = canonical
		}
		b.lines = append(b.lines, batchLine{id: ids[i+1], target: t})
	}
	data, err := b.encode()
	if err != nil {
		return nil, err
	}
	e := &entry{id: b.id, file: fileName(b.id, 0, kindBatch), data: data}
	if err := s.committer.submit(ctx, e, s.commit); err != nil {
		return nil, fmt.Errorf("submit batch %s of %d jobs to %s: %w", b.id, len(targets), s.dir, explain(err))
	}
	return ids[1:], nil
}

// batch is the content of one batch file.
type batch struct {
	id      ulid.ULID
	options Job // all but Target, ID and SentAs
	lines   []batchLine
}

type batchLine struct {
	id     ulid.ULID
	target string
}

// job gives line i as a job of its own.
func (b *batch) job(i int) Job {
	j := b.options
	j.ID, j.Target = b.lines[i].id, b.lines[i].target
	return j
}

// wireBatch is the first line: one inline table.
type wireBatch struct {
	Batch wireJob `toml:"batch,inline"`
}

func (b *batch) encode() ([]byte, error) {
	if err := b.validate(); err != nil {
		return nil, err
	}
	w := wireBatch{Batch: b.options.wire()}
	w.Batch.Version = 1
	head, err := toml.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode batch %s: %w", b.id, err)
	}
	head = bytes.TrimRight(head, "\n")
	if bytes.Contains(head, []byte("\n")) || len(head) > MaxJobBytes {
		return nil, &JobError{Faults: []Fault{{Problem: "the options of the batch do not fit into one line of 64 KiB"}}}
	}
	out := bytes.NewBuffer(append(head, '\n'))
	for _, l := range b.lines {
		out.WriteString(l.id.String())
		out.WriteByte('\t')
		out.WriteString(l.target)
		out.WriteByte('\n')
	}
	fmt.Fprintf(out, "END %d %08x\n", len(b.lines), castagnoli(out.Bytes()))
	return out.Bytes(), nil
}

func castagnoli(data []byte) uint32 {
	return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
}

// validate checks options and every target; lines count from 1.
func (b *batch) validate() error {
	var faults []Fault
	add := func(line int, key, problem string) {
		faults = append(faults, Fault{Line: line, Key: key, Problem: problem})
	}
	if len(b.lines) == 0 {
		add(0, "", "a batch without targets")
	}
	if len(b.lines) > MaxBatch {
		add(0, "", fmt.Sprintf("%d targets in one batch: allowed are %d", len(b.lines), MaxBatch))
		return &JobError{Faults: faults}
	}
	o := b.options
	if o.Target != "" || o.SentAs != "" || !isZeroID(o.ID) {
		add(0, "", "the options of a batch have no target, id or sent_as of their own")
	}
	o.Target = placeholder
	for _, f := range o.faults() {
		add(0, f.Key, f.Problem)
	}
	for i, l := range b.lines {
		line := Job{Target: l.target, Family: o.Family, Size: o.Size}
		for _, f := range line.faults() {
			if f.Key == "target" || f.Key == "size" && o.Family != "6" && line.isIPv6() {
				add(i+1, f.Key, f.Problem)
			} else if f.Key == "family" && (o.Family == "4" || o.Family == "6") {
				add(i+1, f.Key, f.Problem)
			}
		}
	}
	if faults == nil {
		return nil
	}
	return &JobError{Faults: faults}
}

// placeholder stands for the target where only the options are checked
// (RFC 2606 keeps .invalid for no one).
const placeholder = "batch.invalid"

// errBatch is a batch file whose END line does not fit: none of its jobs was
// ever accepted.
var errBatch = errors.New("no whole batch")

// decodeBatch reads a batch file. The error wraps errBatch or is a *JobError.
func decodeBatch(name string, id ulid.ULID, data []byte) (*batch, error) {
	body, count, err := checkEnd(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	head, rest, _ := bytes.Cut(body, []byte("\n"))
	b := &batch{id: id, lines: make([]batchLine, 0, count)}
	if b.options, err = decodeBatchHead(name, head); err != nil {
		return nil, err
	}
	seen := make(map[ulid.ULID]bool, count)
	for n := 2; len(rest) > 0; n++ {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		idText, target, ok := strings.Cut(string(line), "\t")
		lineID, idOK := parseID(idText)
		if !ok || !idOK || seen[lineID] {
			return nil, fmt.Errorf("%s:%d: %w: no line of a new ULID, a tab and a target", name, n, errBatch)
		}
		seen[lineID] = true
		b.lines = append(b.lines, batchLine{id: lineID, target: target})
	}
	if len(b.lines) != count {
		return nil, fmt.Errorf("%s: %w: %d lines, END says %d", name, errBatch, len(b.lines), count)
	}
	if err := b.validate(); err != nil {
		var faulty *JobError
		if errors.As(err, &faulty) {
			for i := range faulty.Faults {
				faulty.Faults[i].File = name
				faulty.Faults[i].Line++ // the options are line 1
			}
		}
		return nil, err
	}
	return b, nil
}

// checkEnd verifies the last line, "END 3 0a1b2c3d", and gives what stands
// before it.
func checkEnd(data []byte) (body []byte, count int, err error) {
	text, ok := bytes.CutSuffix(data, []byte("\n"))
	at := bytes.LastIndexByte(text, '\n')
	if !ok || at < 0 {
		return nil, 0, fmt.Errorf("%w: it has no END line", errBatch)
	}
	body = data[:at+1]
	fields := strings.Split(string(text[at+1:]), " ")
	if len(fields) != 3 || fields[0] != "END" {
		return nil, 0, fmt.Errorf("%w: it has no END line", errBatch)
	}
	count, err = strconv.Atoi(fields[1])
	if err != nil || count < 1 || count > MaxBatch {
		return nil, 0, fmt.Errorf("%w: END has the count %q", errBatch, fields[1])
	}
	if sum := fmt.Sprintf("%08x", castagnoli(body)); fields[2] != sum {
		return nil, 0, fmt.Errorf("%w: END has the checksum %q, the lines have %s", errBatch, fields[2], sum)
	}
	return body, count, nil
}

func decodeBatchHead(name string, head []byte) (Job, error) {
	d := newDecoding(name, head)
	table, ok := d.table["batch"].(map[string]any)
	if len(d.faults) == 0 && (!ok || len(d.table) != 1) {
		d.fault("batch", "the first line is batch = { … } and nothing else")
	}
	if len(d.faults) > 0 {
		return d.result(Job{})
	}
	if v := table["version"]; v != int64(1) {
		d.fault("batch.version", fmt.Sprintf("is %v: this program reads version 1", v))
		return d.result(Job{})
	}
	delete(table, "version")
	for _, key := range []string{"target", "id", "sent_as"} {
		if _, ok := table[key]; ok {
			d.fault("batch."+key, "has no place here: each line has its own")
			return d.result(Job{})
		}
	}
	d.table = table
	return d.result(d.job("batch"))
}
