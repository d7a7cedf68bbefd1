package archive

import (
	"encoding/json"

	"github.com/mtrq/mtrq/report"
)

// encodeReport is the .json of a report.
func encodeReport(r *report.Report) ([]byte, error) {
	data, err := json.Marshal(r)
	return append(data, '\n'), err
}

// decodeReport reads a .json.
func decodeReport(data []byte) (*report.Report, error) {
	var r report.Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// textOf is the .txt of a report.
func textOf(r *report.Report) []byte {
	return []byte(report.Text(r))
}
