package bench

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Environment is where a run took place.
type Environment struct {
	System     string `json:"system"` // GOOS/GOARCH
	Kernel     string `json:"kernel,omitempty"`
	Processor  string `json:"processor,omitempty"`
	Cores      int    `json:"cores"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	Go         string `json:"go"`
	Revision   string `json:"revision,omitempty"` // of the generator, from its build
}

func environment() Environment {
	e := Environment{
		System:     runtime.GOOS + "/" + runtime.GOARCH,
		Kernel:     kernel(),
		Cores:      runtime.NumCPU(),
		GOMAXPROCS: runtime.GOMAXPROCS(0),
		Go:         runtime.Version(),
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				e.Processor = strings.TrimSpace(value)
				break
			}
		}
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				e.Revision = s.Value + e.Revision
			case s.Key == "vcs.modified" && s.Value == "true":
				e.Revision += " (modified)"
			}
		}
	}
	return e
}
