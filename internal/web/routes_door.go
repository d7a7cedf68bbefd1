package web

import "net/http"

// doorRoutes are those that take requests to trace, and what programs
// ask of the server itself.
func (s *site) doorRoutes(mux *http.ServeMux) {
	// Enqueuing is no safe method: HEAD must not cause a trace.
	s.route(mux, "/api/mtr", s.enqueuing(s.apiMTR), http.MethodGet, http.MethodPost)
	s.route(mux, "/api/v1/jobs", s.enqueuing(s.apiJobs), http.MethodPost)
	s.read(mux, "/api/v1/jobs/{id}", s.apiJob)
	s.read(mux, "/api/v1/days", s.apiDays)
	s.read(mux, "/api/v1/days/{date}", s.apiDay)
	s.read(mux, "/api/v1/reports/{id}", s.apiReport)
	s.read(mux, "/api/v1/incidents", s.apiIncidents)
	s.read(mux, "/api/v1/targets", s.apiTargets)
	s.read(mux, "/api/v1/openapi.json", s.apiDescription)
	// Whoever asks whether we live may call us by any name.
	s.route(mux, "/healthz", s.healthz, http.MethodGet, http.MethodHead)
	s.route(mux, "/readyz", s.readyz, http.MethodGet, http.MethodHead)
	s.read(mux, "/metrics", s.serveMetrics)
}
