package archive

import (
	"bytes"
	"time"

	"github.com/mtrq/mtrq/report"
)

// encodeReport is the .json of a report.
func encodeReport(r *report.Report) ([]byte, error) {
	var buf bytes.Buffer
	err := report.Encode(&buf, r)
	return buf.Bytes(), err
}

// decodeReport reads a .json.
func decodeReport(data []byte) (*report.Report, error) {
	return report.Decode(bytes.NewReader(data))
}

// textOf is the .txt of a report, with times in the archive's zone, as mtrq
// show has them.
func textOf(r *report.Report, loc *time.Location) []byte {
	return []byte(report.Text(r.In(loc)))
}
