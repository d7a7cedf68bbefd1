// Package spool is the durable job directory.
package spool
