package web

import (
	"fmt"
	"math"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// metrics are what this process counts. /metrics adds what the files of
// a running node say.
type metrics struct {
	started     time.Time
	accepted    atomic.Uint64 // jobs made durable
	wrongTokens atomic.Uint64
	durable     histogram // from a request's arrival to its jobs being durable

	mu      sync.Mutex
	refused map[string]uint64     // jobs requests, by code of the problem
	answers map[answerKey]uint64  // requests answered
	took    map[string]*histogram // by kind of request
}

// answerKey tells answers apart: by kind of request and status.
type answerKey struct {
	kind   string
	status int
}

func newMetrics() *metrics {
	m := &metrics{started: time.Now(), refused: map[string]uint64{}, answers: map[answerKey]uint64{}, took: map[string]*histogram{}}
	m.durable.bounds = secondsBounds()
	return m
}

func (m *metrics) refuse(code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused[code]++
}

// answered counts an answer. Those of kinds that last as long as the
// caller likes have no place in the durations.
func (m *metrics) answered(kind string, status int, took time.Duration, timed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers[answerKey{kind, status}]++
	if !timed {
		return
	}
	h := m.took[kind]
	if h == nil {
		h = &histogram{bounds: secondsBounds()}
		m.took[kind] = h
	}
	h.observe(took.Seconds())
}

// secondsBounds are the buckets of durations; 5 ms and 25 ms are what
// taking a job should stay below, half of the time and 99 times of 100.
func secondsBounds() []float64 {
	return []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}
}

// A histogram counts observations by size.
type histogram struct {
	bounds []float64

	mu     sync.Mutex
	counts []uint64 // of each bucket alone; the last is beyond all bounds
	sum    float64
}

func (h *histogram) observe(v float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil {
		h.counts = make([]uint64, len(h.bounds)+1)
	}
	h.counts[sort.SearchFloat64s(h.bounds, v)]++
	h.sum += v
}

// measured counts every answer.
func (s *site) measured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		seen := &seenWriter{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		status := seen.status
		if status == 0 {
			status = http.StatusOK
		}
		// The mux has set r.Pattern: what strangers ask for is no label.
		kind := kindOf(r.Pattern)
		s.metrics.answered(kind, status, time.Since(begun), kind != "events" && kind != "enqueue" && kind != "job")
	})
}

// kindOf puts the routes into few classes.
func kindOf(pattern string) string {
	switch {
	case pattern == "/api/mtr" || pattern == "/api/v1/jobs":
		return "enqueue"
	case pattern == "/api/v1/jobs/{id}":
		return "job"
	case strings.HasPrefix(pattern, "/api/"):
		return "api"
	case strings.HasPrefix(pattern, "/assets/"):
		return "asset"
	case strings.HasPrefix(pattern, "/events"):
		return "events"
	case pattern == "/healthz" || pattern == "/readyz" || pattern == "/metrics":
		return "monitor"
	}
	return "page"
}

// seenWriter remembers the status.
type seenWriter struct {
	http.ResponseWriter
	status int
}

func (w *seenWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController at the connection.
func (w *seenWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for those who ask for http.Flusher by its type.
func (w *seenWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// exposition writes the text format of Prometheus, version 0.0.4.
type exposition struct {
	b strings.Builder
}

// family begins a metric: all of its samples follow.
func (e *exposition) family(name, kind, help string) {
	fmt.Fprintf(&e.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample writes one value; labels are name, value, name, value …
func (e *exposition) sample(name string, value float64, labels ...string) {
	e.b.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		e.b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		e.b.WriteString(labels[i] + `="` + labelValue(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		e.b.WriteByte('}')
	}
	e.b.WriteString(" " + number(value) + "\n")
}

// one writes a metric that has a single value.
func (e *exposition) one(name, kind, help string, value float64, labels ...string) {
	e.family(name, kind, help)
	e.sample(name, value, labels...)
}

// counter is a metric of one value that only grows.
type counter struct {
	name, help string
	n          int
}

func (e *exposition) counters(all []counter) {
	for _, c := range all {
		e.one(c.name, "counter", c.help, float64(c.n))
	}
}

// histogram writes the samples of one histogram of a family.
func (e *exposition) histogram(name string, h *histogram, labels ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	total := uint64(0)
	for i, bound := range append(h.bounds[:len(h.bounds):len(h.bounds)], math.Inf(1)) {
		if h.counts != nil {
			total += h.counts[i]
		}
		e.sample(name+"_bucket", float64(total), append(labels[:len(labels):len(labels)], "le", number(bound))...)
	}
	e.sample(name+"_sum", h.sum, labels...)
	e.sample(name+"_count", float64(total), labels...)
}

func number(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// labelValue escapes what the format needs escaped; a stranger's control
// characters are gone before.
func labelValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(clean(s))
}
