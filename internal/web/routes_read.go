package web

import "net/http"

// readRoutes are the pages of the archive.
func (s *site) readRoutes(mux *http.ServeMux) {
	s.read(mux, "/{$}", s.home)
	s.read(mux, "/assets/{name}", s.assetFile)
	s.read(mux, "/lang/{lang}", s.chooseLang)
	s.read(mux, "/help", s.help)
	s.read(mux, "/events", s.events)
	s.read(mux, "/today", s.today)
	s.read(mux, "/r/{id}", s.job)
	s.read(mux, "/{year}/{month}/{day}", s.dayForm)
	s.read(mux, "/{year}/{month}/{day}/{$}", s.day)
	s.read(mux, "/{year}/{month}/{day}/{id}", s.report)
	s.read(mux, "/{year}/{month}/{day}/{id}/{which}", s.besideReport)
	s.read(mux, "/", s.notFound)
}
