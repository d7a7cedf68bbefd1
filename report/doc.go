// Package report is the finished record of a trace: its model, its
// figures, its text and JSON, and what it shows. It is pure: bytes and
// values in, bytes and values out; no network, no clock, no files.
package report
