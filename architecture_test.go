package sio_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/e6a90ca8/sio"

// A source is one Go file of the repository.
type source struct {
	file   string // relative to the module, with slashes
	dir    string // the file's; "." is the root
	test   bool
	nested bool // in a module of its own
	text   string
	syntax *ast.File
	set    *token.FileSet
}

// sources are all Go files of the repository, for every system and build tag.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	var nested []string // directories that are modules of their own
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file := filepath.ToSlash(name)
		if d.IsDir() {
			if base := d.Name(); base == "node_modules" || base == "testdata" || base != "." && base[0] == '.' {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && file != "." {
				nested = append(nested, file+"/")
			}
			return nil
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		s := source{file: file, dir: path.Dir(file), test: strings.HasSuffix(file, "_test.go"), text: string(text), set: token.NewFileSet()}
		s.nested = slices.ContainsFunc(nested, func(dir string) bool { return strings.HasPrefix(file, dir) })
		if s.syntax, err = parser.ParseFile(s.set, file, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d files were found", len(all))
	}
	return all
}

// imports are the paths that the file imports.
func (s *source) imports() (paths []string) {
	for _, i := range s.syntax.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// A step of the staircase: which packages of ours a package may import. "codec/*" and
// the like stand for the packages right below.
type step struct {
	dir   string
	files []string // directories that production files may import
	tests []string // and what tests may beside that, their own package apart
}

// staircase is every package of the module from the top down. What a directory does not
// name here it must not import; a directory that is not named here fails the test.
var staircase = []step{
	// For applications, and seen from outside.
	{"examples/*", []string{"."}, []string{"siotest"}},

	// Reaches through inproc into a server, to run it without a network; the client half
	// speaks by the codecs alone. Of session it needs the type of an instant.
	{"siotest", []string{".", "internal/inproc", "loop", "session", "codec/*"}, nil},

	// The house.
	{".", []string{"loop", "session", "broadcast", "codec/*", "internal/inproc"}, []string{"siotest"}},
	{"internal/inproc", []string{"loop"}, nil}, // a seam: variables that the root fills in
	{"loop", []string{"session", "broadcast", "codec/*", "internal/uring"}, nil},
	{"internal/uring", nil, nil}, // system calls
	{"session", []string{"broadcast", "codec/*"}, nil},
	{"broadcast", []string{"codec/*"}, nil},
	{"codec/*", nil, nil},

	// Beside it: sees servers only over TCP.
	{"cmd/sio-bench", []string{"bench", "bench/doctor", "bench/benchtest", "bench/selfcheck", "codec/*"}, nil},
	{"bench/scale", []string{"bench", "bench/internal/*"}, []string{"bench/benchtest"}},
	{"bench/selfcheck", []string{"bench", "bench/benchtest"}, nil},
	{"bench", []string{"bench/internal/*", "codec/*"}, []string{"bench/benchtest", "."}},
	{"bench/doctor", nil, nil},
	{"bench/benchmarks", []string{"bench", "bench/internal/plot"}, nil},
	{"bench/benchtest", []string{"codec/*"}, nil},
	{"bench/internal/*", []string{"bench/internal/*", "codec/*"}, nil},
}

// foreign says which packages may import a module of others. No module but these is
// imported by files that are not tests, whatever go.mod has.
var foreign = []struct {
	prefix string
	where  []string // directories, or single files
	tests  []string // and in tests
}{
	{"github.com/panjf2000/gnet/", []string{"loop"}, nil},
	{"github.com/panjf2000/ants/", []string{"dispatch.go"}, nil},
	{"github.com/gobwas/ws", []string{"codec/*"}, nil},
	{"github.com/bytedance/sonic", []string{"codec/*"}, nil},
	{"github.com/klauspost/compress", []string{"session", "codec/websocket"}, nil},
	{"github.com/andybalholm/brotli", []string{"client.go"}, []string{"."}},
	{"github.com/goccy/go-yaml", []string{"bench/internal/script", "cmd/sio-bench"}, nil},
	{"github.com/alecthomas/kong", []string{"cmd/sio-bench"}, nil},
	{"golang.org/x/term", []string{"cmd/sio-bench"}, nil},
	{"github.com/HdrHistogram/", []string{"bench"}, nil},
	{"golang.org/x/perf", []string{"bench"}, nil},
	{"golang.org/x/sys", []string{"loop", "internal/uring", "bench", "bench/doctor", "bench/scale", "bench/internal/*"}, []string{"cmd/sio-bench"}},
	{"go.uber.org/goleak", nil, []string{".", "loop", "siotest"}},
}

// within reports whether the directory is one of the patterns'.
func within(dir string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, dir); return ok })
}

// violation is what is wrong with an import, "" if nothing is.
func violation(s *source, imported string) string {
	if inner, ok := strings.CutPrefix(imported+"/", module+"/"); ok {
		dir := cmp.Or(strings.TrimSuffix(inner, "/"), ".")
		i := slices.IndexFunc(staircase, func(st step) bool { return within(s.dir, []string{st.dir}) })
		if i < 0 {
			return "the package has no place in the staircase"
		}
		st := &staircase[i]
		if within(dir, st.files) || s.test && (within(dir, st.tests) || dir == s.dir) {
			return ""
		}
		return "this points up the staircase"
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return "" // the standard library
	}
	for _, f := range foreign {
		if !strings.HasPrefix(imported+"/", f.prefix) {
			continue
		}
		if within(s.dir, f.where) || within(s.file, f.where) || s.test && within(s.dir, f.tests) {
			return ""
		}
		return "only " + strings.Join(append(slices.Clone(f.where), f.tests...), ", ") + " may import that"
	}
	return "nobody has said who may import that"
}

// TestStaircase: imports point down one staircase, sio -> loop -> session -> broadcast ->
// codec, and each module of others is known to one place only.
func TestStaircase(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range sources(t) {
		if s.nested {
			continue
		}
		seen[s.dir] = true
		for _, p := range s.imports() {
			if wrong := violation(&s, p); wrong != "" {
				t.Errorf("%s imports %s: %s", s.file, p, wrong)
			}
			if p == "unsafe" && !s.test && path.Base(s.file) != "unsafe.go" {
				t.Errorf("%s imports unsafe, which stands alone in files named unsafe.go", s.file)
			}
		}
		for _, i := range s.syntax.Imports {
			if i.Name != nil && i.Name.Name == "." {
				t.Errorf("%s: a dot import hides where names come from", s.file)
			}
		}
		if !slices.ContainsFunc(staircase, func(st step) bool { return within(s.dir, []string{st.dir}) }) {
			t.Errorf("%s is in a package that has no place in the staircase", s.file)
		}
	}
	for _, dir := range []string{".", "loop", "session", "broadcast", "codec/json", "siotest", "bench", "cmd/sio-bench"} {
		if !seen[dir] {
			t.Errorf("nothing of %s was looked at", dir)
		}
	}
}

// TestStaircaseFails: the rules above would notice.
func TestStaircaseFails(t *testing.T) {
	for _, tc := range []struct {
		file, imported string
		allowed        bool
	}{
		{"socket.go", module + "/loop", true},
		{"socket.go", module + "/siotest", false},
		{"socket_test.go", module + "/siotest", true},
		{"socket_test.go", module, true},
		{"socket.go", "github.com/panjf2000/ants/v2", false},
		{"dispatch.go", "github.com/panjf2000/ants/v2", true},
		{"server.go", "github.com/panjf2000/gnet/v2", false},
		{"server_test.go", "github.com/panjf2000/gnet/v2", false},
		{"loop/engine.go", "github.com/panjf2000/gnet/v2", true},
		{"loop/engine.go", module, false},
		{"loop/engine_test.go", module, false},
		{"session/conn.go", module + "/loop", false},
		{"session/conn.go", module + "/codec/http1", true},
		{"session/conn.go", "github.com/gobwas/ws", false},
		{"broadcast/shard.go", module + "/session", false},
		{"codec/json/codec.go", module + "/codec/socketio", false},
		{"codec/json/codec_test.go", module + "/codec/socketio", false},
		{"codec/json/codec_test.go", module + "/codec/json", true},
		{"codec/json/codec.go", "github.com/bytedance/sonic/option", true},
		{"bench/run.go", module, false},
		{"bench/run.go", module + "/loop", false},
		{"bench/run_test.go", module + "/siotest", false},
		{"cmd/sio-bench/main.go", module + "/bench", true},
		{"cmd/sio-bench/main.go", module, false},
		{"helpers_test.go", "go.uber.org/goleak", true},
		{"server.go", "go.uber.org/goleak", false},
		{"server.go", "example.org/new", false},
		{"server.go", "net/http", true},
		{"new/new.go", module, false},
	} {
		s := source{file: tc.file, dir: path.Dir(tc.file), test: strings.HasSuffix(tc.file, "_test.go")}
		if wrong := violation(&s, tc.imported); (wrong == "") != tc.allowed {
			t.Errorf("%s importing %s: %q", tc.file, tc.imported, wrong)
		}
	}
}

// publicNames are the names of packages that may stand in what sio and siotest export,
// beside those of the standard library: plain constants and names, no machinery.
var publicNames = []string{
	"sio.*",     // in siotest
	"session.*", // see below
	"broadcast.RoomEventKind", "broadcast.RoomCreated", "broadcast.RoomJoined", "broadcast.RoomLeft", "broadcast.RoomDeleted",
}

// TestPublicSignatures: nothing of gnet, of a loop or of a codec shows in what the public
// packages export; of sessions only the reasons, which are strings.
func TestPublicSignatures(t *testing.T) {
	checked := 0
	for _, s := range sources(t) {
		if s.test || s.dir != "." && s.dir != "siotest" {
			continue
		}
		paths := make(map[string]string) // by the name in the file
		for _, i := range s.syntax.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			name := regexp.MustCompile(`^v\d+$`).ReplaceAllString(path.Base(p), path.Base(path.Dir(p)))
			if i.Name != nil {
				name = i.Name.Name
			}
			paths[name] = p
		}
		reasons := reasonNames(t)
		exported(s.syntax, func(decl string, n ast.Node) {
			checked++
			ast.Inspect(n, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := sel.X.(*ast.Ident)
				if !ok || paths[x.Name] == "" {
					return true
				}
				if first, _, _ := strings.Cut(paths[x.Name], "/"); !strings.Contains(first, ".") {
					return true
				}
				name := path.Base(paths[x.Name]) + "." + sel.Sel.Name
				if !within(name, publicNames) || strings.HasPrefix(name, "session.") && !slices.Contains(reasons, name) {
					t.Errorf("%s: %s shows %s", s.file, decl, name)
				}
				return true
			})
		})
	}
	if checked < 200 {
		t.Errorf("only %d declarations were found", checked)
	}
}

// reasonNames are the names of session/reason.go.
func reasonNames(t *testing.T) (names []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "session/reason.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.IsExported() {
			names = append(names, "session."+id.Name)
		}
		return true
	})
	return names
}

// exported calls f for the signature of every exported function and method, and for
// every exported type, field, variable and constant of a file.
func exported(file *ast.File, f func(decl string, n ast.Node)) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && (d.Recv == nil || exportedType(d.Recv.List[0].Type)) {
				f(d.Name.Name, d.Type)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if !spec.Name.IsExported() {
						continue
					}
					if st, ok := spec.Type.(*ast.StructType); ok {
						for _, field := range st.Fields.List {
							if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
								f(spec.Name.Name, field.Type)
							}
						}
						continue
					}
					f(spec.Name.Name, spec.Type)
				case *ast.ValueSpec:
					if slices.ContainsFunc(spec.Names, (*ast.Ident).IsExported) {
						f(spec.Names[0].Name, spec)
					}
				}
			}
		}
	}
}

func exportedType(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StarExpr:
		return exportedType(e.X)
	case *ast.IndexExpr:
		return exportedType(e.X)
	case *ast.IndexListExpr:
		return exportedType(e.X)
	case *ast.Ident:
		return e.IsExported()
	}
	return false
}

// maxLines bounds a file, unless it says in its first lines why it is longer:
//
//	// Longer than others: one table, of which half would be of no use.
const maxLines = 600

var whyLong = regexp.MustCompile(`(?m)^// Longer than others: \S+ \S+`)

// TestFileLength: a file is short, or says why it is not.
func TestFileLength(t *testing.T) {
	for _, s := range sources(t) {
		lines := strings.Split(s.text, "\n")
		if n := len(lines) - 1; n > maxLines && !whyLong.MatchString(strings.Join(lines[:10], "\n")) {
			t.Errorf("%s has %d lines and no reason for more than %d", s.file, n, maxLines)
		}
	}
}

// TestCitedNames: tests and files that ARCHITECTURE.md and comments rely on are there.
func TestCitedNames(t *testing.T) {
	all := sources(t)
	tests := make(map[string]bool)
	files := make(map[string]bool)
	for _, s := range all {
		files[s.file], files[path.Base(s.file)] = true, true
		if !s.test {
			continue
		}
		for _, d := range s.syntax.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				tests[f.Name.Name] = true
			}
		}
	}
	page, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	cited := regexp.MustCompile(`\b(Test|Fuzz|Benchmark)[A-Z]\w*(…)?`)
	snippet := regexp.MustCompile(`func Test\w+`) // shown to users
	check := func(where, text string) {
		t.Helper()
		for _, name := range cited.FindAllString(snippet.ReplaceAllString(text, ""), -1) {
			start, cut := strings.CutSuffix(name, "…")
			found := tests[name]
			for n := range tests {
				found = found || cut && strings.HasPrefix(n, start)
			}
			if !found {
				t.Errorf("%s relies on %s, which does not exist", where, name)
			}
		}
	}
	check("ARCHITECTURE.md", string(page))
	for _, s := range all {
		if s.test || s.nested {
			continue
		}
		for _, c := range s.syntax.Comments {
			check(s.file, c.Text())
		}
	}
	for _, name := range regexp.MustCompile(`[\w/*]+\.go\b`).FindAllString(string(page), -1) {
		if !strings.Contains(name, "*") {
			if !files[name] {
				t.Errorf("ARCHITECTURE.md tells of %s, which does not exist", name)
			}
			continue
		}
		found := false
		for f := range files {
			ok, _ := path.Match(name, f)
			found = found || ok
		}
		if !found {
			t.Errorf("ARCHITECTURE.md tells of %s, and nothing is called so", name)
		}
	}
}

// TestDrawing: every file of the house stands in the drawing of ARCHITECTURE.md, below
// its package, and nothing else does.
func TestDrawing(t *testing.T) {
	page, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, drawing, _ := strings.Cut(string(page), "```\n")
	drawing, _, _ = strings.Cut(drawing, "```\n")
	drawn := make(map[string][]string) // names of files, or patterns of them, by directory
	dir := ""
	heading := regexp.MustCompile(`^(\(root\)|\w+/)\s`)
	for line := range strings.Lines(drawing) {
		if m := heading.FindStringSubmatch(line); m != nil {
			dir = strings.TrimSuffix(m[1], "/")
			if m[1] == "(root)" {
				dir = "."
			}
		}
		drawn[dir] = append(drawn[dir], regexp.MustCompile(`[\w*]+\.go\b`).FindAllString(line, -1)...)
	}
	for _, dir := range []string{".", "loop", "session", "broadcast"} {
		var files []string
		for _, s := range sources(t) {
			if s.dir == dir && !s.test {
				files = append(files, path.Base(s.file))
			}
		}
		for _, f := range files {
			if !within(f, drawn[dir]) {
				t.Errorf("%s is not in the drawing", path.Join(dir, f))
			}
		}
		for _, name := range drawn[dir] {
			if !slices.ContainsFunc(files, func(f string) bool { return within(f, []string{name}) }) {
				t.Errorf("the drawing has %s, which does not exist", path.Join(dir, name))
			}
		}
	}
}

// TestRowsAreNamed: every row of the feature table is shown by some test, which names it:
// in its comment, "// TestX (C03, C04): ...", or in a transcript's rows. What is not there
// stands in docs/differences.md, with the reason.
func TestRowsAreNamed(t *testing.T) {
	shown := make(map[string]bool)
	row := regexp.MustCompile(`\b[CHKLORSTV]\d\d\b`)
	comment := regexp.MustCompile(`^(?:Test|Fuzz)\w*\s\(([^)]*)\):`)
	transcript := regexp.MustCompile(`\b(?:rows: |bad\w+: )"([^"]*)"`)
	for _, s := range sources(t) {
		if !s.test || s.nested {
			continue
		}
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil {
				continue
			}
			if m := comment.FindStringSubmatch(f.Doc.Text()); m != nil {
				for _, r := range row.FindAllString(m[1], -1) {
					shown[r] = true
				}
			}
		}
		if s.dir == "session" {
			for _, m := range transcript.FindAllStringSubmatch(s.text, -1) {
				for _, r := range row.FindAllString(m[1], -1) {
					shown[r] = true
				}
			}
		}
	}
	text, err := os.ReadFile("docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	_, absent, ok := strings.Cut(string(text), "\n## Not there\n")
	if !ok {
		t.Fatal("docs/differences.md does not say what is not there")
	}
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]\d\d) \|`).FindAllStringSubmatch(absent, -1) {
		if shown[m[1]] {
			t.Errorf("%s is shown by a test, and not there by docs/differences.md", m[1])
		}
		shown[m[1]] = true
	}
	for _, rows := range []struct {
		letter   byte
		from, to int
	}{
		{'H', 1, 45}, {'L', 1, 17}, {'T', 1, 10}, {'S', 1, 12}, {'C', 1, 14}, {'R', 1, 14}, {'K', 1, 14}, {'V', 1, 7}, {'O', 1, 10},
	} {
		for i := rows.from; i <= rows.to; i++ {
			if name := fmt.Sprintf("%c%02d", rows.letter, i); !shown[name] {
				t.Errorf("no test names %s", name)
			}
		}
	}
}
