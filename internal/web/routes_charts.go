package web

import "net/http"

// chartRoutes are the pages that draw what happened over time, and what
// other pages and programs take of them.
func (s *site) chartRoutes(mux *http.ServeMux) {
	s.read(mux, "/incidents", s.incidents)
	s.read(mux, "/incidents.txt", s.incidents)
	s.read(mux, "/incidents.json", s.incidents)
	s.read(mux, "/incidents.csv", s.incidents)
	s.read(mux, "/incidents.atom", s.feed)
	s.read(mux, "/incident/{id}", s.incident)
	s.read(mux, "/target/{target}", s.target)
	s.read(mux, "/search", s.search)
	s.read(mux, "/node/{name}", s.node)
	s.read(mux, "/badge/{target}", s.badge)
	s.read(mux, "/badge/{target}/loss.svg", s.lossBadge)
}
