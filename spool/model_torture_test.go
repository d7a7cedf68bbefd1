//go:build torture

package spool

import "testing"

const modelSequences = 3000

// TestTortureModel is TestModel at length.
func TestTortureModel(t *testing.T) { modelCampaign(t, 100_000) }
