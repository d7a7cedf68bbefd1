package web

import (
	"cmp"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

// serveMetrics answers /metrics. What is not known has no sample.
func (s *site) serveMetrics(w http.ResponseWriter, r *http.Request) {
	e := &exposition{}
	e.one("mtrq_build_info", "gauge", "Always 1; the labels say which mtrq answers.", 1, "version", s.Version, "goversion", runtime.Version(), "node", s.Node)
	s.doorMetrics(e)
	s.spoolMetrics(e)
	now := s.Now()
	s.archiveMetrics(e, now)
	runMetrics(e, s.Spool, now)
	if st, _ := s.watchState(); st != nil {
		watchMetrics(e, st, now)
		targetMetrics(e, st, s.Limits.MetricsTargets)
	}
	processMetrics(e, s.metrics.started)
	s.send(w, r, http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", []byte(e.b.String()))
}

// doorMetrics are what this process did.
func (s *site) doorMetrics(e *exposition) {
	m := s.metrics
	e.one("mtrq_jobs_accepted_total", "counter", "Jobs that came over HTTP and were made durable.", float64(m.accepted.Load()))
	m.mu.Lock()
	e.family("mtrq_jobs_refused_total", "counter", "Requests to trace that were refused, by the code that the caller got.")
	for _, code := range keysInOrder(m.refused) {
		e.sample("mtrq_jobs_refused_total", float64(m.refused[code]), "reason", code)
	}
	e.family("mtrq_http_requests_total", "counter", "Requests answered, by kind and status.")
	keys := make([]answerKey, 0, len(m.answers))
	for k := range m.answers {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b answerKey) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), a.status-b.status)
	})
	for _, k := range keys {
		e.sample("mtrq_http_requests_total", float64(m.answers[k]), "kind", k.kind, "status", strconv.Itoa(k.status))
	}
	e.family("mtrq_http_request_duration_seconds", "histogram", "Time to answer, of kinds whose callers cannot ask to wait.")
	for _, kind := range keysInOrder(m.took) {
		e.histogram("mtrq_http_request_duration_seconds", m.took[kind], "kind", kind)
	}
	m.mu.Unlock()
	e.family("mtrq_jobs_durable_duration_seconds", "histogram", "From the arrival of a request to its jobs being durable.")
	e.histogram("mtrq_jobs_durable_duration_seconds", &m.durable)
	e.one("mtrq_http_wrong_tokens_total", "counter", "Requests with a token that is none of this node.", float64(m.wrongTokens.Load()))
	open, silent, evicted, refused := s.conns.counts()
	e.one("mtrq_http_connections", "gauge", "Connections that are open.", float64(open))
	e.one("mtrq_http_silent_connections", "gauge", "Connections that are open and wait for a request.", float64(silent))
	e.one("mtrq_http_connections_evicted_total", "counter", "Silent connections closed to make room.", float64(evicted))
	e.one("mtrq_http_connections_refused_total", "counter", "Connections refused because all were being answered.", float64(refused))
	e.one("mtrq_http_waiting_requests", "gauge", "Requests that wait for their report.", float64(len(s.waiting)))
}

// spoolMetrics count what lies in the spool, whether anybody traces or
// not.
func (s *site) spoolMetrics(e *exposition) {
	d, err := s.Spool.Depth()
	if err != nil {
		return
	}
	e.family("mtrq_spool_files", "gauge", "Files in the spool: jobs and batches that wait (drop, new), are traced (cur) or cannot be read (bad).")
	e.sample("mtrq_spool_files", float64(d.Drop), "dir", "drop")
	e.sample("mtrq_spool_files", float64(d.New), "dir", "new")
	e.sample("mtrq_spool_files", float64(d.Cur), "dir", "cur")
	e.sample("mtrq_spool_files", float64(d.Bad), "dir", "bad")
}

// archiveMetrics are what is known of today's reports without reading
// them: the calendar counts them for the start page anyway.
func (s *site) archiveMetrics(e *exposition, now time.Time) {
	today := archive.DateOf(now, s.Archive.Location())
	days, err := s.Archive.Calendar(today, today)
	if err != nil || len(days) != 1 || !days[0].Known {
		return
	}
	d := days[0]
	e.family("mtrq_archive_today_reports", "gauge", "Reports of today, which begins anew at midnight of the archive: all, those with a lost probe to the target, those whose verdict is real loss.")
	e.sample("mtrq_archive_today_reports", float64(d.Reports), "which", "all")
	e.sample("mtrq_archive_today_reports", float64(d.Lossy), "which", "lossy")
	e.sample("mtrq_archive_today_reports", float64(d.RealLoss), "which", "real_loss")
	e.one("mtrq_archive_today_incidents", "gauge", "Incidents that opened today and are over.", float64(d.Incidents))
}

// runMetrics are what mtrq run says in run.json.
func runMetrics(e *exposition, sp Spool, now time.Time) {
	st, tracing, _ := sp.RunState(now)
	e.one("mtrq_run_up", "gauge", "1 while somebody traces.", flag(tracing))
	if st.At.IsZero() {
		return // nobody ever did: none of the following is known
	}
	e.one("mtrq_run_state_timestamp_seconds", "gauge", "When mtrq run last gave a sign.", unixSeconds(st.At))
	e.one("mtrq_run_start_time_seconds", "gauge", "When mtrq run was started.", unixSeconds(st.Started))
	if !tracing {
		return // the rest may be long past
	}
	e.one("mtrq_run_long_looks_limit", "gauge", "Long looks that may run together.", float64(st.Jobs.Limit))
	e.family("mtrq_run_jobs", "gauge", "Jobs by how far they are; unwritten: traced, without their report; lines: of claimed lists, not begun.")
	for _, j := range []struct {
		state string
		n     int
	}{{"queued", st.Jobs.Queued}, {"first_look", st.Jobs.FirstLook}, {"waiting", st.Jobs.Waiting}, {"long_look", st.Jobs.LongLook},
		{"unwritten", st.Jobs.Unwritten}, {"lines", st.Jobs.Lines}} {
		e.sample("mtrq_run_jobs", float64(j.n), "state", j.state)
	}
	k := st.Counters
	e.counters([]counter{
		{"mtrq_run_jobs_claimed_total", "Jobs taken out of the queue since mtrq run was started.", k.Claimed},
		{"mtrq_run_jobs_reported_total", "Jobs whose report is written.", k.Reported},
		{"mtrq_run_jobs_interrupted_total", "Jobs whose trace was interrupted; they have a report.", k.Interrupted},
		{"mtrq_run_jobs_returned_total", "Jobs given back to the queue.", k.Returned},
		{"mtrq_run_jobs_bad_total", "Jobs that could not be traced.", k.Bad},
		{"mtrq_run_probes_sent_total", "Probes sent.", k.ProbesSent},
		{"mtrq_run_probes_answered_total", "Probes answered in time.", k.ProbesAnswered},
		{"mtrq_run_probes_late_total", "Probes answered after their deadline.", k.ProbesLate},
		{"mtrq_run_probes_unsent_total", "Probes that could not be sent.", k.ProbesUnsent},
	})
	if l := st.LatenessMS; l != nil {
		e.family("mtrq_run_lateness_seconds", "gauge", "From acceptance to first probe over the last 1,000 traces.")
		for _, v := range []struct {
			stat string
			ms   float64
		}{{"last", l.Last}, {"p50", l.P50}, {"p99", l.P99}, {"max", l.Max}} {
			e.sample("mtrq_run_lateness_seconds", v.ms/1000, "stat", v.stat)
		}
	}
	if st.UnprobedMS != nil {
		e.one("mtrq_run_unprobed_age_seconds", "gauge", "Since the oldest job without a probe was accepted; no sample where there is none.", *st.UnprobedMS/1000)
	}
	e.one("mtrq_run_packet_processes", "gauge", "Processes of mtr-packet.", float64(st.Pool.Processes))
	e.one("mtrq_run_packet_restarts_total", "counter", "Processes of mtr-packet that were replaced.", float64(st.Pool.Restarts))
	e.one("mtrq_run_probes_in_flight", "gauge", "Probes that wait for their answer.", float64(st.Pool.InFlight))
	e.family("mtrq_run_health", "gauge", "1 where a part of the node is well.")
	healthy := map[string]bool{}
	for _, h := range st.Health {
		was, twice := healthy[h.What]
		healthy[h.What] = h.OK && (was || !twice)
	}
	for _, what := range keysInOrder(healthy) {
		e.sample("mtrq_run_health", flag(healthy[what]), "what", what)
	}
}

// processMetrics are those of this process, as any exporter has them.
func processMetrics(e *exposition, started time.Time) {
	e.one("process_start_time_seconds", "gauge", "When mtrq serve was started.", unixSeconds(started))
	e.one("go_goroutines", "gauge", "Goroutines of mtrq serve.", float64(runtime.NumGoroutine()))
	const ticks = 100 // a second: USER_HZ
	if stat, err := os.ReadFile("/proc/self/stat"); err == nil {
		// The name in the second field may hold spaces; count from its end.
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(f) > 21 {
			user, _ := strconv.ParseFloat(f[11], 64)
			system, _ := strconv.ParseFloat(f[12], 64)
			pages, _ := strconv.ParseFloat(f[21], 64)
			e.one("process_cpu_seconds_total", "counter", "Processor time of mtrq serve.", (user+system)/ticks)
			e.one("process_resident_memory_bytes", "gauge", "Memory of mtrq serve.", pages*float64(os.Getpagesize()))
		}
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		e.one("process_open_fds", "gauge", "Open files and connections of mtrq serve.", float64(len(fds)))
	}
}

func keysInOrder[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
