package spool_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if child := os.Getenv("SPOOL_TEST_CHILD"); child != "" {
		os.Exit(runChild(child))
	}
	goleak.VerifyTestMain(m)
}

// open makes a spool in a directory of the test. Notes fail the test unless
// it took them by notes.
func open(t *testing.T, opt spool.Options) *spool.Spool {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "spool"), opt)
}

func openAt(t *testing.T, dir string, opt spool.Options) *spool.Spool {
	t.Helper()
	if opt.Note == nil {
		opt.Note = func(n spool.Note) { t.Errorf("unexpected note: %+v", n) }
	}
	s, err := spool.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lock takes the queue and recovers an orderly spool.
func lock(t *testing.T, s *spool.Spool) *spool.Queue {
	t.Helper()
	q, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := q.Recover(noReports); err != nil {
		t.Fatal(err)
	}
	return q
}

func noReports(ulid.ULID) bool { return false }

func submit(t *testing.T, s *spool.Spool, j spool.Job) ulid.ULID {
	t.Helper()
	id, err := s.Submit(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func claim(t *testing.T, q *spool.Queue, limit int) []*spool.Claim {
	t.Helper()
	claims, err := q.Claim(noReports, limit)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// tree lists the files of the spool, but for run.lock, with the IDs given
// replaced by their names.
func tree(t *testing.T, s *spool.Spool, names map[ulid.ULID]string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(s.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.Dir(), path)
		if err != nil || rel == "run.lock" {
			return err
		}
		for id, name := range names {
			rel = strings.ReplaceAll(rel, id.String(), name)
		}
		files = append(files, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func wantTree(t *testing.T, s *spool.Spool, names map[ulid.ULID]string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, tree(t, s, names)); diff != "" {
		t.Errorf("files in the spool (-want +got):\n%s", diff)
	}
}

func TestOpenCreatesWithExactModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	s := open(t, spool.Options{})
	check(t, s.WriteState("bad/x", nil))
	want := map[string]fs.FileMode{
		".": 0o755, "state/bad": 0o755,
		"drop": 0o770 | fs.ModeSetgid | fs.ModeSticky, "tmp": 0o700, "new": 0o700, "cur": 0o700, "bad": 0o700, "state": 0o755,
	}
	for dir, mode := range want {
		fi, err := os.Stat(filepath.Join(s.Dir(), dir))
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode() != mode|fs.ModeDir {
			t.Errorf("%s has mode %v, want %v", dir, fi.Mode(), mode|fs.ModeDir)
		}
	}
}

func TestOpenSaysWhatIsInTheWay(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := spool.Open(dir, spool.Options{})
	if err == nil || !strings.Contains(err.Error(), "new is no directory") {
		t.Errorf("got error %v, want one that names new", err)
	}
}

func TestSubmitClaimFinish(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 5, 32, 123456000, time.FixedZone("", 8*3600))
	s := open(t, spool.Options{Now: func() time.Time { return at }})
	id := submit(t, s, spool.Job{Target: "203.0.113.7", Reason: "loss", Source: "cli", By: "uid 0"})
	names := map[ulid.ULID]string{id: "A"}
	wantTree(t, s, names, "new/A.job")

	q := lock(t, s)
	claims := claim(t, q, 10)
	if len(claims) != 1 {
		t.Fatalf("claimed %d jobs, want 1", len(claims))
	}
	c := claims[0]
	want := spool.Job{Target: "203.0.113.7", Reason: "loss", Source: "cli", By: "uid 0", ID: id, Accepted: at}
	if diff := cmp.Diff(want, c.Job); diff != "" {
		t.Errorf("claimed job (-want +got):\n%s", diff)
	}
	if c.ID != id || c.Attempt != 1 || c.Sent() {
		t.Errorf("claim has ID %s, attempt %d, sent %v", c.ID, c.Attempt, c.Sent())
	}
	wantTree(t, s, names, "cur/A.job")

	if err := c.Append([]byte(`{"e":"start"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if c.Sent() {
		t.Error("sent after a start line alone")
	}
	if err := c.Append([]byte(`{"e":"p","n":0,"ttl":0,"ms":0.2}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if !c.Sent() {
		t.Error("not sent after a probe's line")
	}
	wantTree(t, s, names, "cur/A.events", "cur/A.job")
	got, err := os.ReadFile(c.EventsPath())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("{\"e\":\"start\"}\n{\"e\":\"p\",\"n\":0,\"ttl\":0,\"ms\":0.2}\n", string(got)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if err := c.Return(); err == nil {
		t.Error("a job with probes sent could be returned")
	}
	if err := c.Finish(); err != nil {
		t.Fatal(err)
	}
	wantTree(t, s, names)
	if err := c.Finish(); err == nil {
		t.Error("finished twice without an error")
	}
	if err := c.Append([]byte("{}\n")); err == nil {
		t.Error("appended to a finished job without an error")
	}
}

func TestLockIsExclusive(t *testing.T) {
	s := open(t, spool.Options{})
	q, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Lock()
	if !errors.Is(err, spool.ErrBusy) {
		t.Errorf("second lock: got %v, want ErrBusy", err)
	} else if want := "process " + itoa(os.Getpid()); !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not name %q", err, want)
	}
	if _, err := q.Claim(noReports, 1); err == nil {
		t.Error("claimed before Recover without an error")
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q2, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := q2.Close(); err != nil {
		t.Fatal(err)
	}
}
