package report

import (
	"bytes"
	"errors"
	"fmt"
)

// ParseReverse reads the trace that the other end has sent: a report of mtrq
// in JSON, or another program's text. One of the two is given.
func ParseReverse(data []byte) (*Report, *Foreign, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		r, err := Decode(bytes.NewReader(data))
		if err == nil {
			return r, nil, nil
		}
		if errors.Is(err, ErrNewerSchema) {
			return nil, nil, err
		}
	}
	all, err := ParseForeign(data)
	if err != nil {
		return nil, nil, err
	}
	if len(all) > 1 {
		return nil, nil, fmt.Errorf("%w: %d traces: give the one from the other end alone", ErrForeign, len(all))
	}
	return nil, all[0], nil
}
