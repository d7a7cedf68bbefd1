package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// shared is what all tests use: one browser, one node. TestMain sets it up
// and takes it down; tests only look.
var shared struct {
	browser context.Context
	node    *node
	axe     string
}

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser tests:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	if shared.axe, err = readAxe(); err != nil {
		return 1, err
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return 1, fmt.Errorf("%w: run tools/setup.sh test", err)
	}
	dir, err := os.MkdirTemp("", "mtrq-browser-*")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program, err := build(dir)
	if err != nil {
		return 1, err
	}
	if shared.node, err = startNode(program, filepath.Join(dir, "node")); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, shared.node.stop()) }()

	// What Chromium would keep at home goes with the directory.
	for _, sub := range []string{"home", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return 1, err
		}
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.Env("HOME="+filepath.Join(dir, "home"), "TMPDIR="+filepath.Join(dir, "tmp")),
		// Nothing but the node's own address is looked up.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true), chromedp.Flag("font-render-hinting", "none"))
	alloc, free := chromedp.NewExecAllocator(context.Background(), opts...)
	defer free()
	ctx, end := chromedp.NewContext(alloc)
	defer end()
	if err := chromedp.Do(ctx); err != nil {
		return 1, fmt.Errorf("start %s: %w", chromium, err)
	}
	shared.browser = ctx
	code = m.Run()
	return code, chromedp.Cancel(ctx)
}

// root is the top of the repository.
func root() string { return filepath.Join("..", "..") }

// readAxe reads the rules that axe-core checks.
func readAxe() (string, error) {
	b, err := os.ReadFile(filepath.Join(root(), "tools", "browser", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", fmt.Errorf("%w: run tools/setup.sh test", err)
	}
	return string(b), nil
}
