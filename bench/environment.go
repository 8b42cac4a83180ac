package bench

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Environment is where a run took place. It is the same for all runs of one build
// of the generator on one machine.
type Environment struct {
	System     string `json:"system"` // GOOS/GOARCH
	Kernel     string `json:"kernel,omitempty"`
	Processor  string `json:"processor,omitempty"`
	Cores      int    `json:"cores"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	Go         string `json:"go"`
	Revision   string `json:"revision,omitempty"`     // of the generator, from its build
	Version    string `json:"version,omitempty"`      // of its module, where it was installed by version
	Settings   string `json:"settings,omitempty"`     // GOGC, GOMEMLIMIT and GODEBUG of the generator, where they are set
	Memory     int64  `json:"memory_bytes,omitempty"` // of the machine
	Governor   string `json:"governor,omitempty"`     // of the first processor's frequency
}

// ThisEnvironment is where the calling process runs.
func ThisEnvironment() Environment { return environment() }

func environment() Environment {
	e := Environment{
		System:     runtime.GOOS + "/" + runtime.GOARCH,
		Kernel:     kernel(),
		Processor:  lineOf("/proc/cpuinfo", "model name"),
		Cores:      runtime.NumCPU(),
		GOMAXPROCS: runtime.GOMAXPROCS(0),
		Go:         runtime.Version(),
	}
	if kib, ok := strings.CutSuffix(lineOf("/proc/meminfo", "MemTotal"), " kB"); ok {
		n, _ := strconv.ParseInt(kib, 10, 64) // 0, not known, if it is no number
		e.Memory = n << 10
	}
	if text, err := os.ReadFile("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"); err == nil {
		e.Governor = strings.TrimSpace(string(text))
	}
	var settings []string
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "GODEBUG"} {
		if value := os.Getenv(name); value != "" {
			settings = append(settings, name+"="+value)
		}
	}
	e.Settings = strings.Join(settings, " ")
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "(devel)" {
			e.Version = v
		}
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

// lineOf is the first value of name in a file with lines "name: value", empty if
// there is none.
func lineOf(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
