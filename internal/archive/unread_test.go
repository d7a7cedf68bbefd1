package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// damagedZip is an archive of three days, of which the oldest is in zips. The
// one of oneHour, with a report of two requests, cannot be opened.
func damagedZip(t *testing.T) (dir, zip string, whole []byte) {
	t.Helper()
	dir = t.TempDir()
	w, err := OpenWriter(dir, "UTC")
	ok(t, err)
	years(t, w, 3)
	_, err = w.Prune(t.Context(), Limits{Now: noon, CompressAfter: 2 * dayLong}, nil)
	ok(t, err)
	ok(t, w.Close())
	zip = filepath.Join(dir, oneHour+packEnding)
	whole = mustRead(t, zip)
	edit(t, zip, func(b []byte) []byte { b[bytes.LastIndex(b, []byte("PK\x05\x06"))] ^= 1; return b })
	return dir, zip, whole
}

// linesOf are all lines of an archive's indexes, without the first ones.
func linesOf(t *testing.T, dir string) (out []string) {
	t.Helper()
	for _, name := range treeOf(t, dir) {
		if filepath.Ext(name) != ".jsonl" {
			continue
		}
		for _, line := range bytes.Split(mustRead(t, filepath.Join(dir, name)), []byte("\n"))[1:] {
			out = append(out, name+" "+string(line))
		}
	}
	slices.Sort(out)
	return out
}

// TestUnreadZipKeepsLines makes indexes anew while nobody can say what is in
// a zip: its reports keep their lines, and verify names the zip alone.
func TestUnreadZipKeepsLines(t *testing.T) {
	for name, repair := range map[string]func(*Writer) error{
		"reindex": func(w *Writer) error {
			done, err := w.Reindex(t.Context(), nil, nil)
			if done.Kept != 2 {
				t.Errorf("kept %d lines, want 2", done.Kept)
			}
			return err
		},
		"mend": func(w *Writer) error {
			var list []Finding
			_, err := w.Verify(t.Context(), Date{}, func(f Finding) { list = append(list, f) })
			ok(t, err)
			_, err = w.Mend(t.Context(), list)
			return err
		},
		"index lost by target": func(w *Writer) error {
			ok(t, os.Remove(filepath.Join(w.Dir(), targetDir("203.0.113.7"), "2026-11.jsonl")))
			_, err := w.Reindex(t.Context(), nil, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, zip, whole := damagedZip(t)
			before := linesOf(t, dir)
			verify := func(when string) {
				t.Helper()
				list, _ := findings(t, dir)
				if d := cmp.Diff([]string{"unreadable " + oneHour + packEnding}, list); d != "" {
					t.Errorf("findings %s -want +got\n%s", when, d)
				}
			}
			verify("before")
			ok(t, repair(newWriter(t, dir, "UTC")))
			if d := cmp.Diff(before, linesOf(t, dir)); d != "" {
				t.Errorf("lines -before +after\n%s", d)
			}
			verify("after")
			ok(t, os.WriteFile(zip, whole, 0o644))
			wantSound(t, dir, "with the zip as it was")
		})
	}
}

// TestUnreadZipStrange takes what is no zip for none: it hides nothing.
func TestUnreadZipStrange(t *testing.T) {
	dir, zip, _ := damagedZip(t)
	ok(t, os.Remove(zip))
	ok(t, os.Mkdir(zip, 0o755))
	list, _ := findings(t, dir)
	dangling := slices.DeleteFunc(list, func(f string) bool { return f != "dangling "+oneDay+"/"+indexName })
	if len(dangling) != 2 {
		t.Errorf("%d lines of the day are told to be dangling, want 2", len(dangling))
	}
}

// TestPruneUnreadZip takes a day away whose zip cannot be read: no line of
// it is left by target.
func TestPruneUnreadZip(t *testing.T) {
	dir, _, _ := damagedZip(t)
	w := newWriter(t, dir, "UTC")
	_, err := w.Prune(t.Context(), Limits{Now: noon, Keep: 2 * dayLong, KeepIncidents: 2 * dayLong}, nil)
	ok(t, err)
	wantSound(t, dir, "after the prune")
}

// TestUnreadZipNoIndex has lost the day's index, too: what is known by target
// stays known.
func TestUnreadZipNoIndex(t *testing.T) {
	dir, _, _ := damagedZip(t)
	p := filepath.Join(targetDir("203.0.113.7"), "2026-11.jsonl")
	before := linesOf(t, dir)
	w := newWriter(t, dir, "UTC")
	ok(t, os.Remove(filepath.Join(dir, oneDay, indexName)))
	_, err := w.Reindex(t.Context(), nil, nil)
	ok(t, err)
	notOf := func(line string) bool { return !strings.HasPrefix(line, p) }
	if d := cmp.Diff(slices.DeleteFunc(before, notOf), slices.DeleteFunc(linesOf(t, dir), notOf)); d != "" {
		t.Errorf("lines by target -before +after\n%s", d)
	}
}
