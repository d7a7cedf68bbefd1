package web

import (
	_ "embed"
	"net/http"
)

// openAPI describes this server for programs (OpenAPI 3.1). A test holds
// it to the routes that there are.
//
//go:embed openapi.json
var openAPI []byte

func (s *site) apiDescription(w http.ResponseWriter, r *http.Request) {
	s.sendCached(w, r, appJSON, "no-cache", openAPI)
}
