package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"github.com/e6a90ca8/sio/bench"
)

// settings are the values of flags that are not on the command line: those of the
// environment, and behind them those of a file.
type settings struct {
	env  func(name string) (string, bool)
	name string         // the file's; empty: none
	file map[string]any // flags, and by the name of a command flags of it alone
}

// envPrefix stands before the names of environment variables: SIO_BENCH_ECHO_EVENT
// is --echo-event.
const envPrefix = "SIO_BENCH_"

// loadSettings finds the file: --config, SIO_BENCH_CONFIG, or sio-bench.yaml in the
// user's directory of configurations, if it is there.
func loadSettings(args []string, env func(string) (string, bool)) (*settings, error) {
	s := &settings{env: env}
	s.name, _ = env(envPrefix + "CONFIG")
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			s.name = value
		} else if arg == "--config" && i+1 < len(args) {
			s.name = args[i+1]
		}
	}
	given := s.name != ""
	if !given {
		dir, _ := env("XDG_CONFIG_HOME")
		if home, ok := env("HOME"); dir == "" && ok {
			dir = filepath.Join(home, ".config")
		}
		if dir == "" {
			return s, nil
		}
		s.name = filepath.Join(dir, "sio-bench.yaml")
	}
	text, err := os.ReadFile(s.name)
	if !given && errors.Is(err, fs.ErrNotExist) {
		s.name = ""
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bench.ErrUsage, err)
	}
	if err := yaml.Unmarshal(text, &s.file); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", bench.ErrUsage, s.name, err)
	}
	return s, nil
}

// Validate implements [kong.Resolver]: every name in the file must be known, so that
// a misspelt one is not passed over.
func (s *settings) Validate(app *kong.Application) error {
	all := app.Flags
	for _, child := range app.Children {
		all = append(slices.Clip(all), child.Flags...)
	}
	for name, value := range s.file {
		section, ok := value.(map[string]any)
		if child := childOf(app.Node, name); child != nil && ok {
			for flag := range section {
				if !hasFlag(child.Flags, flag) && !hasFlag(app.Flags, flag) {
					return fmt.Errorf("%w: %s: %s: no flag --%s", bench.ErrUsage, s.name, name, flag)
				}
			}
			continue
		}
		if !hasFlag(all, name) {
			return fmt.Errorf("%w: %s: no flag --%s, and no command", bench.ErrUsage, s.name, name)
		}
	}
	return nil
}

func hasFlag(flags []*kong.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(f *kong.Flag) bool { return f.Name == name && settable(f) })
}

// settable says whether a flag makes sense outside a command line.
func settable(f *kong.Flag) bool { return f.Name != "help" && f.Name != "config" }

// Resolve implements [kong.Resolver]; it is asked for flags that the line has not.
func (s *settings) Resolve(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	if !settable(flag) {
		return nil, nil
	}
	if value, ok := s.env(envPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))); ok {
		return value, nil
	}
	if parent.Command != nil {
		if section, ok := s.file[parent.Command.Name].(map[string]any); ok && section[flag.Name] != nil {
			return plain(section[flag.Name]), nil
		}
	}
	if value := s.file[flag.Name]; value != nil {
		if _, section := value.(map[string]any); !section || flag.IsMap() {
			return plain(value), nil
		}
	}
	return nil, nil
}

// plain is a YAML value as kong's decoders of flags take it.
func plain(value any) any {
	switch value.(type) {
	case []any, map[string]any, bool:
		return value
	}
	return fmt.Sprint(value)
}
