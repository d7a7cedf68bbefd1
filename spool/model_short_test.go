//go:build !torture

package spool

// modelSequences is how many lives TestModel runs.
const modelSequences = 3000
