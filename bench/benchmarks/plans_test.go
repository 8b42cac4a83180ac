package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
)

// TestSuites: the page looks for the suites that scripts/bench.sh runs.
func TestSuites(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "scripts/bench.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "suites=("+strings.Join(suites, " ")+")\n") {
		t.Errorf("scripts/bench.sh runs other suites than %v", suites)
	}
}

// pinned are the packages that versions of a plan may name, and where the version is that is
// installed.
var pinned = map[string]struct{ file, version string }{
	"gnet":                 {"go.mod", `panjf2000/gnet/v2 v(\S+)`},
	"socket.io":            {"node/package-lock.json", `"node_modules/socket\.io": \{\s+"version": "([^"]+)"`},
	"ws":                   {"node/package-lock.json", `"node_modules/ws": \{\s+"version": "([^"]+)"`},
	"eiows":                {"node/eiows/package-lock.json", `"node_modules/eiows": \{\s+"version": "([^"]+)"`},
	"zishang520/socket.io": {"zishang/go.mod", `zishang520/socket\.io/servers/socket/v3 v(\S+)`},
	"socketioxide":         {"socketioxide/Cargo.lock", `name = "socketioxide"\nversion = "([^"]+)"`},
	"axum":                 {"socketioxide/Cargo.lock", `name = "axum"\nversion = "([^"]+)"`},
	"tokio":                {"socketioxide/Cargo.lock", `name = "tokio"\nversion = "([^"]+)"`},
	"python-socketio":      {"python/requirements.txt", `(?m)^python-socketio==(\S+)$`},
	"uvicorn":              {"python/requirements.txt", `(?m)^uvicorn==(\S+)$`},
	"uvloop":               {"python/requirements.txt", `(?m)^uvloop==(\S+)$`},
}

// TestPlansHaveTheVersions: each server of each suite has a version, and where a lock file
// pins it, that one. Those of interpreters are the machine's: the servers tell them.
func TestPlansHaveTheVersions(t *testing.T) {
	for _, suite := range suites {
		text, err := os.ReadFile(filepath.Join(root, plansDir, suite+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var plan struct{ Servers []bench.ServerSpec }
		if err := json.Unmarshal(text, &plan); err != nil {
			t.Fatal(err)
		}
		for _, s := range plan.Servers {
			if s.Version == "" {
				t.Errorf("%s: %s has no version", suite, s.Name)
			}
			for part := range strings.SplitSeq(s.Version, ", ") {
				name, version, _ := strings.Cut(part, " ")
				if part == "this checkout" || name == "Node.js" {
					continue
				}
				lock, err := os.ReadFile(filepath.Join(root, plansDir, pinned[name].file))
				if err != nil {
					t.Errorf("%s: %s: %q is pinned nowhere: %v", suite, s.Name, part, err)
					continue
				}
				if m := regexp.MustCompile(pinned[name].version).FindSubmatch(lock); m == nil || string(m[1]) != version {
					t.Errorf("%s: %s: %q, and %s has %q", suite, s.Name, part, pinned[name].file, m)
				}
			}
		}
	}
}

// TestUnjudged: the tests that goals name in place of a figure are there.
func TestUnjudged(t *testing.T) {
	p := &page{}
	if err := p.readGoals(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, g := range p.goals {
		for _, name := range regexp.MustCompile(`\bTest[A-Z]\w*`).FindAllString(g.Unjudged, -1) {
			if !strings.Contains(all.String(), "\nfunc "+name+"(") {
				t.Errorf("goal %s relies on %s, which is not there", g.ID, name)
			}
		}
	}
}

// TestComplete: results of before servers had versions have them from the plan, and no
// others; and what a result has is not replaced.
func TestComplete(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(name, []byte(`{"servers": [{"name": "a", "version": "plan", "tolerated": {"lost": "plan"}}, {"name": "b", "version": "plan"}, {"name": "x", "version": "x"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &bench.MatrixResult{Servers: []bench.ServerSpec{
		{Name: "a", Version: "told", Tolerated: map[string]string{"late": "own"}}, {Name: "b"}, {Name: "c"},
	}}
	if err := complete(r, name); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r.Servers)
	const want = `[{"name":"a","command":null,"version":"told","tolerated":{"late":"own"}},{"name":"b","command":null,"version":"plan"},{"name":"c","command":null}]`
	if err != nil || string(text) != want {
		t.Errorf("%v, %s", err, text)
	}
	if err := complete(r, name+"x"); err != nil {
		t.Errorf("without a plan: %v", err)
	}
	if err := os.WriteFile(name, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := complete(r, name); err == nil {
		t.Error("a plan that is none")
	}
}

var goBuild = regexp.MustCompile(`\bgo build\b`)

// TestScripts: the shell accepts them, and what they build has its revision whatever GOFLAGS
// says.
func TestScripts(t *testing.T) {
	for _, name := range []string{"bench.sh", "peers.sh"} {
		name = filepath.Join(root, "scripts", name)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if goBuild.MatchString(line) && !strings.Contains(line, "go build -buildvcs=auto ") {
				t.Errorf("%s: %s", name, line)
			}
		}
		if shell, err := exec.LookPath("bash"); err == nil {
			if out, err := exec.Command(shell, "-n", name).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
	}
}
