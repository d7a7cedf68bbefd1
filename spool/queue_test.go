package spool_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
)

const probeLine = `{"e":"p","n":0,"ttl":0,"ms":0.2}` + "\n"

// notes collects what the spool has to say.
type notes []spool.Note

func (n *notes) add(note spool.Note) { *n = append(*n, note) }

func (n *notes) kinds() []spool.NoteKind {
	var kinds []spool.NoteKind
	for _, note := range *n {
		kinds = append(kinds, note.What)
	}
	return kinds
}

// put writes a file; one in drop/ has stood still for long enough.
func put(t *testing.T, s *spool.Spool, name, content string) {
	t.Helper()
	path := filepath.Join(s.Dir(), name)
	check(t, os.WriteFile(path, []byte(content), 0o644))
	if strings.HasPrefix(name, "drop/") {
		was := time.Now().Add(-5 * time.Second)
		check(t, os.Chtimes(path, was, was))
	}
}

func content(t *testing.T, s *spool.Spool, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Dir(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestReturnIsNoAttempt(t *testing.T) {
	var said notes
	s := open(t, spool.Options{Note: said.add})
	names := map[ulid.ULID]string{submit(t, s, spool.Job{Target: "203.0.113.7"}): "A"}
	q := lock(t, s)
	for range spool.MaxAttempts + 1 {
		c := claim(t, q, 1)[0]
		if c.Attempt != 1 || c.Last() {
			t.Errorf("attempt %d, last %v; want the first", c.Attempt, c.Last())
		}
		check(t, c.Append([]byte(`{"e":"start"}`+"\n")))
		check(t, c.Return())
		wantTree(t, s, names, "new/A.job")
	}
	if diff := cmp.Diff([]spool.NoteKind(nil), said.kinds()); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// TestReturnBesideClaim: what is given back is claimed again, and by no
// Claim meanwhile taken for somebody else's file.
func TestReturnBesideClaim(t *testing.T) {
	var said notes
	s := open(t, spool.Options{Note: said.add})
	for range 20 {
		submit(t, s, spool.Job{Target: "203.0.113.7"})
	}
	q := lock(t, s)
	var back sync.WaitGroup
	for range 20 {
		claims, err := q.Claim(noReports, 100)
		if err != nil {
			t.Error(err)
		}
		for _, c := range claims {
			back.Go(func() {
				if err := c.Return(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	back.Wait()
	if got := claim(t, q, 100); len(got) != 20 || len(said.kinds()) > 0 {
		t.Errorf("%d jobs left, noted %v; want all 20", len(got), said.kinds())
	}
}

// died is a runner that ends with all that it claimed in hand.
func died(t *testing.T, s *spool.Spool) (claimed int) {
	t.Helper()
	q, err := s.Lock()
	check(t, err)
	_, err = q.Recover(noReports)
	check(t, err)
	claimed = len(claim(t, q, 9))
	check(t, q.Close())
	return claimed
}

// What was in hand when two runners died is claimed one by one: the third
// death takes only one to bad/.
func TestLastAttemptsComeOneByOne(t *testing.T) {
	var said notes
	s := open(t, spool.Options{Note: said.add})
	names := map[ulid.ULID]string{}
	for _, name := range []string{"A", "B", "C"} {
		names[submit(t, s, spool.Job{Target: "203.0.113.7"})] = name
	}
	for range 2 {
		if n := died(t, s); n != 3 {
			t.Fatalf("%d claimed, want all 3", n)
		}
	}
	names[submit(t, s, spool.Job{Target: "203.0.113.8"})] = "D"
	if n := died(t, s); n != 2 { // A alone of the old ones, and D
		t.Errorf("%d claimed by the third runner, want 2", n)
	}
	q := lock(t, s)
	if got := said.kinds(); !slices.Equal(got, []spool.NoteKind{spool.NoteBad}) {
		t.Errorf("notes %v, want one of A", got)
	}
	wantTree(t, s, names, "bad/A.2.job", "bad/A.2.job.reason", "new/B.2.job", "new/C.2.job", "new/D.1.job")
	first := claim(t, q, 9)
	if len(first) != 2 || !first[0].Last() || first[1].Last() {
		t.Fatalf("claimed %d, want B and D", len(first))
	}
	wantTree(t, s, names, "bad/A.2.job", "bad/A.2.job.reason", "cur/B.2.job", "cur/D.1.job", "new/C.2.job")
	check(t, first[1].Append([]byte(probeLine))) // says nothing about B
	if again := claim(t, q, 9); len(again) != 0 {
		t.Errorf("claimed %d while B is not through", len(again))
	}
	check(t, first[0].Append([]byte(probeLine)))
	if again := claim(t, q, 9); len(again) != 1 || names[again[0].ID] != "C" {
		t.Errorf("claimed %d after B's first probe, want C", len(again))
	}
}

func TestBadKeepsTheEvents(t *testing.T) {
	var said notes
	s := open(t, spool.Options{Note: said.add})
	id := submit(t, s, spool.Job{Target: "203.0.113.7"})
	q := lock(t, s)
	c := claim(t, q, 1)[0]
	check(t, c.Append([]byte(probeLine)))
	check(t, c.Bad("two\nlines"))
	wantTree(t, s, map[ulid.ULID]string{id: "A"}, "bad/A.events", "bad/A.job", "bad/A.job.reason")
	p, err := s.Where(id)
	check(t, err)
	if p.State != spool.StateBad || p.Reason != "two lines" || filepath.Base(p.Events) != id.String()+".events" {
		t.Errorf("where: %+v", p)
	}
}

func TestClaimPutsTheUnreadableIntoBad(t *testing.T) {
	id := letters()["A"].String()
	tests := map[string]struct{ name, content, bad, reason string }{
		"wrong key":      {id + ".job", "target = \"192.0.2.1\"\nttl = 1\n", id + ".job", id + ".job:2: ttl: is unknown"},
		"another's ID":   {id + ".job", "target = \"192.0.2.1\"\nid = \"" + letters()["B"].String() + "\"\n", id + ".job", "is not that of the file's name"},
		"torn batch":     {id + ".batch", "batch = { version = 1 }\n", id + ".batch", "no whole batch: it has no END line"},
		"no name of one": {"edge.job", "target = \"192.0.2.1\"\n", "*.foreign", "new/edge.job is no name of a job"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var said notes
			s := open(t, spool.Options{Note: said.add})
			put(t, s, "new/"+tt.name, tt.content)
			if got := claim(t, lock(t, s), 9); len(got) != 0 {
				t.Errorf("claimed %d jobs", len(got))
			}
			bad, err := filepath.Glob(filepath.Join(s.Dir(), "bad", tt.bad))
			check(t, err)
			if len(bad) != 1 {
				t.Fatalf("bad/ has %v, want one %s", tree(t, s, nil), tt.bad)
			}
			if got := content(t, s, "bad/"+filepath.Base(bad[0])+".reason"); !strings.Contains(got, tt.reason) {
				t.Errorf("reason %q, want one with %q", got, tt.reason)
			}
			if diff := cmp.Diff([]spool.NoteKind{spool.NoteBad}, said.kinds()); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClaimDoesNotTraceTheReportedAgain(t *testing.T) {
	var said notes
	s := open(t, spool.Options{Note: said.add})
	done := submit(t, s, spool.Job{Target: "203.0.113.7"})
	open := submit(t, s, spool.Job{Target: "203.0.113.8"})
	q := lock(t, s)
	claims, err := q.Claim(func(id ulid.ULID) bool { return id == done }, 9)
	check(t, err)
	if len(claims) != 1 || claims[0].ID != open {
		t.Errorf("claimed %v, want only %s", claims, open)
	}
	wantTree(t, s, map[ulid.ULID]string{open: "O"}, "cur/O.job")
	if diff := cmp.Diff([]spool.NoteKind{spool.NoteRemoved}, said.kinds()); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestSubmitRefuses(t *testing.T) {
	s := open(t, spool.Options{})
	id := submit(t, s, spool.Job{Target: "203.0.113.7"})
	ended, cancel := contextEnded(t)
	cancel()
	tests := map[string]struct {
		do   func() error
		want error
	}{
		"an ID in use": {func() error {
			_, err := s.Submit(t.Context(), spool.Job{Target: "203.0.113.8", ID: id})
			return err
		}, fs.ErrExist},
		"after the context ended": {func() error {
			_, err := s.Submit(ended, spool.Job{Target: "203.0.113.8"})
			return err
		}, ended.Err()},
		"below the reserve of bytes": {func() error {
			full := openAt(t, s.Dir(), spool.Options{ReserveBytes: 1 << 62})
			_, err := full.Submit(t.Context(), spool.Job{Target: "203.0.113.8"})
			return err
		}, spool.ErrFull},
		"below the reserve of inodes": {func() error {
			full := openAt(t, s.Dir(), spool.Options{ReserveInodes: 1 << 62})
			_, err := full.SubmitBatch(t.Context(), spool.Job{}, []string{"203.0.113.8"})
			return err
		}, spool.ErrFull},
		"below the reserve, by drop": {func() error {
			full := openAt(t, s.Dir(), spool.Options{ReserveInodes: 1 << 62})
			_, err := full.SubmitDrop(t.Context(), spool.Job{Target: "203.0.113.8"})
			return err
		}, spool.ErrFull},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tt.do(); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			wantTree(t, s, map[ulid.ULID]string{id: "A"}, "new/A.job")
		})
	}
}

// TestAppendNeverGluesLines fills a small filesystem until an append fails
// half-way, frees room and appends again.
func TestAppendNeverGluesLines(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	s := openAt(t, filepath.Join(tinyFS(t, 256<<10), "spool"), spool.Options{})
	submit(t, s, spool.Job{Target: "203.0.113.7"})
	q := lock(t, s)
	c := claim(t, q, 1)[0]
	check(t, c.Append([]byte(probeLine)))

	filler := filepath.Join(s.Dir(), "filler")
	f, err := os.Create(filler)
	check(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	check(t, f.Close())
	big := []byte(strings.Repeat(`{"e":"p","n":1,"ttl":1,"ms":0.25}`+"\n", 300))
	if err := c.Append(big); !errors.Is(err, spool.ErrFull) {
		t.Fatalf("append on a full filesystem: got %v, want ErrFull", err)
	}
	if _, err := s.Submit(t.Context(), spool.Job{Target: "203.0.113.8"}); !errors.Is(err, spool.ErrFull) {
		t.Errorf("submit on a full filesystem: got %v, want ErrFull", err)
	}
	check(t, os.Remove(filler))
	check(t, c.Append([]byte(`{"e":"end"}`+"\n")))
	got, err := os.ReadFile(c.EventsPath())
	check(t, err)
	if want := probeLine + `{"e":"end"}` + "\n"; string(got) != want {
		t.Errorf("events %q, want %q", got, want)
	}
	check(t, c.Finish())
	wantTree(t, s, nil)
}

func TestClaimAdoptsEventsGivenAhead(t *testing.T) {
	s := open(t, spool.Options{})
	id := submit(t, s, spool.Job{Target: "203.0.113.7"})
	other := submit(t, s, spool.Job{Target: "203.0.113.8"})
	q := lock(t, s)
	put(t, s, "cur/"+id.String()+".events", probeLine+`{"e":"p","n":1`)
	put(t, s, "cur/"+other.String()+".events", `{"e":"phase","ms":1,"phase":"first-look"}`+"\n"+`{"e":"p","n":1`)
	claims := claim(t, q, 2)
	if len(claims) != 2 || !claims[0].Sent() || claims[1].Sent() {
		t.Fatalf("claims %v: want the first as sent, the second not", claims)
	}
	for _, c := range claims {
		check(t, c.Append([]byte(`{"e":"end"}`+"\n")))
	}
	if got, want := content(t, s, "cur/"+id.String()+".events"), probeLine+`{"e":"p","n":1`+"\n"+`{"e":"end"}`+"\n"; got != want {
		t.Errorf("events %q, want the torn line closed: %q", got, want)
	}
	if got, want := content(t, s, "cur/"+other.String()+".events"), `{"e":"end"}`+"\n"; got != want {
		t.Errorf("events %q, want those without a probe gone: %q", got, want)
	}
}

// TestLockIsForNobodyElse: who may open run.lock could keep every runner out.
func TestLockIsForNobodyElse(t *testing.T) {
	s := open(t, spool.Options{})
	path := filepath.Join(s.Dir(), "run.lock")
	for _, before := range []string{"new", "of an earlier version"} {
		q, err := s.Lock()
		check(t, err)
		st, err := os.Stat(path)
		check(t, err)
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, want 0600", before, st.Mode())
		}
		check(t, q.Close())
		check(t, os.Chmod(path, 0o644))
	}
}
