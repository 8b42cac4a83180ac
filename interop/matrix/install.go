package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// installers build a language's clients, from its own lock file.
var installers = map[string]func(context.Context) error{
	"js": func(ctx context.Context) error {
		return command(ctx, "js", "npm", "ci", "--ignore-scripts", "--silent")
	},
	"python": installPython,
	"java":   installJava,
	"rust": func(ctx context.Context) error {
		return command(ctx, "rust", "cargo", "build", "--locked", "--quiet", "--target-dir", "target")
	},
	"go": func(ctx context.Context) error {
		return command(ctx, "go", "go", "build", "-o", "../build/go-client", ".")
	},
}

// install builds the server and the clients, two at a time.
func install(ctx context.Context, played []cell, reference bool) error {
	steps := map[string]func(context.Context) error{}
	for _, language := range languages(played) {
		steps["clients in "+language] = installers[language]
	}
	if reference {
		steps["reference server"] = func(ctx context.Context) error {
			return command(ctx, "../js", "npm", "ci", "--ignore-scripts", "--silent")
		}
	} else {
		steps["server"] = func(ctx context.Context) error {
			return command(ctx, "..", "go", "build", "-o", "matrix/build/server", "./server")
		}
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var failures error
	slots := make(chan struct{}, 2)
	for name, step := range steps {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			began := time.Now()
			err := step(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = errors.Join(failures, fmt.Errorf("%s: %w", name, err))
				return
			}
			fmt.Printf("built: %s, %.0f s\n", name, time.Since(began).Seconds())
		})
	}
	all.Wait()
	return failures
}

// command runs a program in a directory; what it says is in the error if it fails.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("no %s in PATH: install it, scripts/need.sh says from where", name)
	case err != nil:
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said)
	}
	return nil
}

// installPython makes a virtual environment, once for each requirements.txt.
func installPython(ctx context.Context) error {
	wanted, err := os.ReadFile("python/requirements.txt")
	if err != nil {
		return err
	}
	const stamp = "python/venv/requirements.txt"
	if there, err := os.ReadFile(stamp); err == nil && string(there) == string(wanted) {
		return nil
	}
	if err := command(ctx, "python", "python3", "-m", "venv", "--clear", "venv"); err != nil {
		return err
	}
	err = command(ctx, "python", "venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", "requirements.txt")
	if err != nil {
		return err
	}
	return os.WriteFile(stamp, wanted, 0o644)
}

// installJava fetches the jars of java/jars.sha256, whose lines are a checksum and a
// path in Maven's central repository, and compiles for each version.
func installJava(ctx context.Context) error {
	list, err := os.ReadFile("java/jars.sha256")
	if err != nil {
		return err
	}
	if err := os.MkdirAll("build/jars", 0o755); err != nil {
		return err
	}
	for line := range strings.Lines(string(list)) {
		sum, file, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			return fmt.Errorf("java/jars.sha256: not a checksum and a path: %q", line)
		}
		if err := jar(ctx, sum, file); err != nil {
			return err
		}
	}
	for version, source := range map[string]string{java1: "v1", java2: "v2"} {
		args := []string{"-nowarn", "-encoding", "UTF-8", "-d", "build/java-" + version, "-cp", javaPath(version),
			"java/Matrix.java", "java/" + source + "/Version.java"}
		if err := command(ctx, ".", "javac", args...); err != nil {
			return err
		}
	}
	return nil
}

// jar makes sure that a jar with this checksum is in build/jars.
func jar(ctx context.Context, sum, file string) error {
	to := filepath.Join("build/jars", path.Base(file))
	if b, err := os.ReadFile(to); err == nil && checksum(b) == sum {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://repo1.maven.org/maven2/"+file, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || checksum(b) != sum {
		return fmt.Errorf("%s: %s, and a checksum of %s", file, res.Status, checksum(b))
	}
	return os.WriteFile(to, b, 0o644)
}

func checksum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
