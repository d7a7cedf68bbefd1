package report

import _ "embed"

// SchemaJSON is the JSON Schema (2020-12) of what Encode writes.
//
//go:embed report.schema.json
var SchemaJSON []byte
