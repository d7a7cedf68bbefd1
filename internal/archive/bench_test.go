package archive

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

// BenchmarkWrite500 is 500 reports of 500 targets that finish together, into
// an archive that has never seen them: the worst case for directories.
func BenchmarkWrite500(b *testing.B) {
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	var reports []*report.Report
	for i := range 500 {
		reports = append(reports, makeReport(b, at, uint64(i), fmt.Sprintf("198.18.%d.%d", i/250, i%250)))
	}
	for name, warm := range map[string]bool{"new targets": false, "known targets": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w := newWriter(b, b.TempDir(), "UTC")
				if warm {
					together(b, w, reports)
					for i, r := range reports {
						again := *r
						again.Evidence.ID = makeID(b, at.Add(time.Second), uint64(i))
						again.Evidence.Requests = []report.Request{r.Evidence.Requests[0]}
						again.Evidence.Requests[0].ID = again.Evidence.ID
						reports[i] = &again
					}
				}
				b.StartTimer()
				together(b, w, reports)
			}
		})
	}
}

func together(b *testing.B, w *Writer, reports []*report.Report) {
	var wg sync.WaitGroup
	for _, r := range reports {
		wg.Go(func() {
			if err := w.Write(r); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}

// BenchmarkWriteOne is what one report waits.
func BenchmarkWriteOne(b *testing.B) {
	w := newWriter(b, b.TempDir(), "UTC")
	at, n := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC), uint64(0)
	for b.Loop() {
		n++
		if err := w.Write(makeReport(b, at, n, "203.0.113.7")); err != nil {
			b.Fatal(err)
		}
	}
}

// bigIndex is a day of 27,777 lines.
func bigIndex(b *testing.B) []byte {
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	r := makeReport(b, at, 1, "203.0.113.7")
	data := []byte(`{"schema":1,"generation":"01KAR1AAAA0000000000000000","day":"2026-11-23"}` + "\n")
	for i := range 27_777 {
		r.Evidence.Requests[0].ID = makeID(b, at, uint64(i))
		var err error
		day := Date{2026, 11, 23}
		if data, err = appendLine(data, entriesOf(r, day, fileName(at, "203.0.113.7", r.Evidence.Requests[0].ID), time.UTC)[0], ""); err != nil {
			b.Fatal(err)
		}
	}
	return data
}

func BenchmarkReadDay(b *testing.B) {
	data := bigIndex(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		es, err := readIndex(bytes.NewReader(data), "index", func(line []byte) (Entry, bool) { return parseEntry(line, Date{2026, 11, 23}) })
		if err != nil || len(es) != 27_777 {
			b.Fatal(len(es), err)
		}
	}
}

func BenchmarkReadIDs(b *testing.B) {
	data := bigIndex(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		n := 0
		_, err := eachLine(bytes.NewReader(data), func(line []byte) error {
			if _, ok := lineID(line, Date{2026, 11, 23}); ok {
				n++
			}
			return nil
		})
		if err != nil || n != 27_777 {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkBuildTable is a day's page cold.
func BenchmarkBuildTable(b *testing.B) {
	data := bigIndex(b)
	name := b.TempDir() + "/index.jsonl"
	if err := os.WriteFile(name, data, 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	c := newTables()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		t, err := c.build(b.Context(), f, nil, table{day: Date{2026, 11, 23}})
		if err != nil || len(t.order) != 27_777 {
			b.Fatal(t, err)
		}
		b.ReportMetric(float64(t.bytes()), "table-bytes")
	}
}
