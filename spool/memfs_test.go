package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// memFS is a filesystem in memory with the promises of a real one and no
// more: at a power cut, of what was not synced anything may be there or not.
//
//	data of a file    unsynced: any beginning of it, or zeros
//	names             each change of a directory that was not synced may be
//	                  kept or undone; of a rename at least one name stays
//
// It is for one goroutine at a time.
type memFS struct {
	rnd     *rand.Rand
	now     func() time.Time
	nodes   map[int]*memNode
	live    map[string]map[string]int // directory → name → node
	stable  map[string]map[string]int // the same at the last power cut, or start
	log     []*memChange              // what has changed since
	changes map[string]int64          // of each directory, ever
	next    int

	told func(text string)          // of each call; nil: quiet
	lies func(op, path string) bool // planted faults: this call does nothing and says it did
}

type memNode struct {
	data, synced []byte
	mode         uint32
	uid          uint32
	mtime, ctime time.Time
}

// memChange is one name that came or went.
type memChange struct {
	dir, name string
	node      int        // 0: the name went
	with      *memChange // of a rename's going: its coming
	synced    bool
}

func newMemFS(rnd *rand.Rand, now func() time.Time) *memFS {
	m := &memFS{rnd: rnd, now: now, nodes: map[int]*memNode{}, live: map[string]map[string]int{}, next: 1}
	for _, d := range layout() {
		m.live["/"+d.name] = map[string]int{}
	}
	m.settle()
	return m
}

// settle makes what is there the state that the next power cut starts from.
func (m *memFS) settle() {
	m.stable, m.log = map[string]map[string]int{}, nil
	for dir, names := range m.live {
		m.stable[dir] = map[string]int{}
		for name, node := range names {
			m.stable[dir][name] = node
		}
	}
}

func (m *memFS) change(c *memChange) *memChange {
	if m.changes == nil {
		m.changes = map[string]int64{}
	}
	m.changes[c.dir]++
	m.log = append(m.log, c)
	if c.node == 0 {
		delete(m.live[c.dir], c.name)
	} else {
		m.live[c.dir][c.name] = c.node
	}
	return c
}

// powerCut keeps of the unsynced what chance wants.
func (m *memFS) powerCut() {
	if m.told != nil {
		m.told("POWER CUT")
		defer func() { m.told(fmt.Sprintf("left: %v", m.live)) }()
	}
	keep := m.rnd.Float64()
	switch m.rnd.IntN(4) {
	case 0:
		keep = 0
	case 1:
		keep = 1
	}
	inOrder := m.rnd.IntN(2) == 0 // a journal: all changes up to one moment
	last := -1
	for i, c := range m.log {
		if c.synced {
			last = i
		}
	}
	if inOrder {
		last += m.rnd.IntN(len(m.log) - last)
	}
	kept := map[*memChange]bool{}
	for i, c := range m.log {
		kept[c] = c.synced || inOrder && i <= last || !inOrder && m.rnd.Float64() < keep
	}
	for c, ok := range kept {
		if ok && c.with != nil {
			kept[c.with] = true
		}
	}
	m.live = m.stable
	for _, c := range m.log {
		if !kept[c] {
			continue
		}
		if c.node == 0 {
			delete(m.live[c.dir], c.name)
		} else {
			m.live[c.dir][c.name] = c.node
		}
	}
	for _, n := range m.inOrder() {
		if bytes.Equal(n.data, n.synced) {
			continue
		}
		whole := n.data
		from := min(len(n.synced), len(whole))
		n.data = slices.Clone(whole[:from+m.rnd.IntN(len(whole)-from+1)])
		if m.rnd.IntN(4) == 0 {
			n.data = append(n.data, make([]byte, len(whole)-len(n.data))...)
		}
		n.synced = n.data
	}
	m.settle()
}

// inOrder gives the nodes by number: chance must fall the same way each time.
func (m *memFS) inOrder() (nodes []*memNode) {
	for i := 1; i < m.next; i++ {
		nodes = append(nodes, m.nodes[i])
	}
	return nodes
}

func (m *memFS) node(p string) (*memNode, int, error) {
	dir, name := path.Split(p)
	i, ok := m.live[path.Clean(dir)][name]
	if !ok {
		return nil, 0, &fs.PathError{Op: "open", Path: p, Err: syscall.ENOENT}
	}
	return m.nodes[i], i, nil
}

func (m *memFS) create(p string, mode uint32, data []byte) (*memNode, error) {
	dir, name := path.Split(p)
	dir = path.Clean(dir)
	if _, ok := m.live[dir][name]; ok {
		return nil, &fs.PathError{Op: "create", Path: p, Err: syscall.EEXIST}
	}
	n := &memNode{data: slices.Clone(data), mode: mode, mtime: m.now(), ctime: m.now()}
	m.nodes[m.next] = n
	m.change(&memChange{dir: dir, name: name, node: m.next})
	m.next++
	return n, nil
}

func (m *memFS) rename(from, to string, replace bool) error {
	n, i, err := m.node(from)
	if err != nil {
		return err
	}
	if _, _, err := m.node(to); err == nil && !replace {
		return &fs.PathError{Op: "rename", Path: to, Err: syscall.EEXIST}
	}
	n.ctime = m.now()
	fromDir, fromName := path.Split(from)
	toDir, toName := path.Split(to)
	came := m.change(&memChange{dir: path.Clean(toDir), name: toName, node: i})
	m.change(&memChange{dir: path.Clean(fromDir), name: fromName, with: came})
	return nil
}

func (m *memFS) unlink(p string) error {
	if _, _, err := m.node(p); err != nil {
		return err
	}
	dir, name := path.Split(p)
	m.change(&memChange{dir: path.Clean(dir), name: name})
	return nil
}

func (m *memFS) sync(dir string) {
	dir = path.Clean(dir)
	for _, c := range m.log {
		// That a file left a directory is durable only once it is durable where
		// it came to: no filesystem loses both names.
		if c.dir == dir && (c.with == nil || c.with.synced) {
			c.synced = true
		}
	}
}

// errKilled is what a process gets from every call once it is dead.
var errKilled = errors.New("killed")

// memProc is the filesystem as one process sees it: an fsys that may die, or
// fail, at any call.
type memProc struct {
	*memFS
	left  int             // calls until it dies; negative: never
	fails func() error    // asked before each call
	other func(op string) // another process gets its turn before the call
}

// step is the moment before a call. With half, the process dies in the middle of it.
func (p *memProc) step(op, path string) (half bool, err error) {
	if p.left == 0 {
		return false, errKilled
	}
	if p.told != nil {
		defer func() { p.told(fmt.Sprintf("%p %-10s %-40s %v", p, op, path, err)) }()
	}
	if p.other != nil {
		p.other(op)
		if p.left == 0 {
			return false, errKilled
		}
	}
	if p.left > 0 {
		if p.left--; p.left == 0 {
			return p.rnd.IntN(2) == 0, errKilled
		}
	}
	if p.fails != nil {
		if err := p.fails(); err != nil {
			return false, &fs.PathError{Op: op, Path: path, Err: err}
		}
	}
	return false, nil
}

func (p *memProc) lie(op, path string) bool { return p.lies != nil && p.lies(op, path) }

func (p *memProc) write(name string, mode uint32, data []byte) error {
	half, err := p.step("write", name)
	if half {
		_, _ = p.create(name, mode, data[:p.rnd.IntN(len(data)+1)])
	}
	if err != nil {
		return err
	}
	n, err := p.create(name, mode, data)
	if err != nil {
		return err
	}
	if !p.lie("write", name) {
		n.synced = n.data
	}
	return nil
}

func (p *memProc) writeLoose(name string, data []byte) error {
	half, err := p.step("writeLoose", name)
	if half {
		_, _ = p.create(name, 0o600, data[:p.rnd.IntN(len(data)+1)])
	}
	if err == nil {
		_, err = p.create(name, 0o600, data)
	}
	return err
}

func (p *memProc) appendTo(name string, data []byte) (int, error) {
	half, err := p.step("append", name)
	if err != nil && !half {
		return 0, err
	}
	n, _, missing := p.node(name)
	if missing != nil {
		if n, missing = p.create(name, 0o600, nil); missing != nil {
			return 0, missing
		}
	}
	if half {
		data = data[:p.rnd.IntN(len(data)+1)]
	}
	n.data = append(slices.Clone(n.data), data...)
	n.mtime, n.ctime = p.now(), p.now()
	return 0, err
}

func (p *memProc) read(name string, limit int) ([]byte, error) {
	if _, err := p.step("read", name); err != nil {
		return nil, err
	}
	n, _, err := p.node(name)
	if err != nil {
		return nil, err
	}
	if limit > 0 && len(n.data) > limit {
		return nil, fmt.Errorf("%s: is longer than %d bytes", name, limit)
	}
	return slices.Clone(n.data), nil
}

func (p *memProc) stat(name string) (st unix.Stat_t, err error) {
	if dir := path.Clean(name); p.live[dir] != nil {
		st.Mode, st.Mtim.Sec = unix.S_IFDIR|0o700, p.changes[dir] // a clock of its own: no change has the time of another
		return st, nil
	}
	n, i, err := p.node(name)
	if err != nil {
		return st, err
	}
	st.Ino, st.Mode, st.Uid, st.Nlink, st.Size = uint64(i), unix.S_IFREG|n.mode, n.uid, 1, int64(len(n.data))
	st.Mtim, st.Ctim = unix.NsecToTimespec(n.mtime.UnixNano()), unix.NsecToTimespec(n.ctime.UnixNano())
	return st, nil
}

func (p *memProc) lstat(name string) (unix.Stat_t, error) {
	if _, err := p.step("lstat", name); err != nil {
		return unix.Stat_t{}, err
	}
	return p.stat(name)
}

func (p *memProc) list(dir string) (names []string, err error) {
	if _, err := p.step("list", dir); err != nil {
		return nil, err
	}
	for name := range p.live[path.Clean(dir)] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (p *memProc) listPart(dir string, at int64, n int) (part, error) {
	names, err := p.list(dir)
	if err != nil {
		return part{}, err
	}
	names = names[min(at, int64(len(names))):]
	if len(names) <= n {
		return part{names: names}, nil
	}
	return part{names[:n], at + int64(n)}, nil
}

func (p *memProc) backdate(name string) error {
	if _, err := p.step("backdate", name); err != nil {
		return err
	}
	n, _, err := p.node(name)
	if err == nil {
		n.mtime, n.ctime = n.mtime.Add(-settleFor), p.now()
	}
	return err
}

func (p *memProc) move(from, to string) error {
	half, err := p.step("move", from)
	if err == nil || half {
		err = errors.Join(err, p.rename(from, to, false))
	}
	return err
}

func (p *memProc) replace(from, to string) error {
	half, err := p.step("replace", from)
	if err == nil || half {
		err = errors.Join(err, p.rename(from, to, true))
	}
	return err
}

func (p *memProc) remove(name string) error {
	half, err := p.step("remove", name)
	if err == nil || half {
		if gone := p.unlink(name); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			return gone
		}
	}
	return err
}

func (p *memProc) syncDir(dir string) error {
	half, err := p.step("sync", dir)
	if (err == nil || half) && !p.lie("sync", dir) {
		p.sync(dir)
	}
	return err
}

func (p *memProc) foreign(name string) (*foreign, error) {
	if _, err := p.step("foreign", name); err != nil {
		return nil, err
	}
	st, err := p.stat(name)
	if err != nil {
		return nil, err
	}
	n, _, err := p.node(name)
	return &foreign{stat: st, data: slices.Clone(n.data)}, err
}

func (p *memProc) removeSame(name string, f *foreign) error {
	if st, err := p.stat(name); err != nil || st.Ino != f.stat.Ino {
		return nil
	}
	return p.remove(name)
}
