package archive

import (
	"sync"
	"time"
)

// targetNames are the directories of targets, as they were listed lately.
type targetNames struct {
	mu    sync.Mutex
	parts map[string]targetPart // by hash2
}

// targetPart is one directory of directories.
type targetPart struct {
	modified time.Time
	settled  bool // listed long enough after: see racyAge
	names    []string
}

// list lists them, and reads again only what has changed.
func (n *targetNames) list(t *tree) []string {
	hashes, err := readDir(t.root, "target")
	if err != nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.parts
	n.parts = make(map[string]targetPart, len(hashes))
	var out []string
	for _, h := range hashes {
		dir := "target/" + h.Name()
		if !h.IsDir() || len(h.Name()) != 2 {
			continue
		}
		st, err := t.root.Lstat(dir)
		if err != nil {
			continue // pruned meanwhile
		}
		part, ok := old[h.Name()]
		if !ok || !part.settled || !part.modified.Equal(st.ModTime()) {
			part = targetPart{modified: st.ModTime(), settled: time.Since(st.ModTime()) >= racyAge, names: t.targetsIn(h.Name())}
		}
		n.parts[h.Name()] = part
		out = append(out, part.names...)
	}
	return out
}

func (t *tree) targetsIn(hash string) []string {
	entries, err := readDir(t.root, "target/"+hash)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && hash2(e.Name()) == hash {
			out = append(out, e.Name())
		}
	}
	return out
}
