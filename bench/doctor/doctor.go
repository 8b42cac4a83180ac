// Package doctor looks at a machine before load is put on it: what bounds the number
// of connections, and what would disturb figures. It changes nothing.
package doctor

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Level is how grave a finding is.
type Level string

// Levels.
const (
	OK      Level = "ok"
	Note    Level = "note"    // figures may be other than elsewhere
	Problem Level = "problem" // the run will fail, or its figures cannot be used
)

// Finding is one thing that was looked at.
type Finding struct {
	Name  string `json:"name"`
	Level Level  `json:"level"`
	Text  string `json:"text"`           // what was found
	Mend  string `json:"mend,omitempty"` // a command, or what else to do
}

// Machine is what is looked at, and what for.
type Machine struct {
	// Files is the file system from its root; that of Linux has much to tell.
	Files fs.FS

	System string // as runtime.GOOS
	Cores  int    // that we may run on
	Conns  int    // connections that are wanted

	// Remote is set if the server is not on this machine. Then one source address
	// is all there is, unless Sources says more.
	Remote  bool
	Sources int

	// Descriptors are the soft and hard limit of open files; zero: not known.
	Descriptors, DescriptorsHard uint64

	// IOUring tries io_uring and says why it may not be used; nil: not tried.
	IOUring func() error

	// Sysctl reads a number of the kernel where there is no /proc/sys. nil: not
	// to be had.
	Sysctl func(name string) (uint64, bool)

	// Span is how long the processors are watched for time that a hypervisor took.
	// 0: not at all.
	Span time.Duration
}

// examination collects findings.
type examination struct {
	*Machine
	findings []Finding
}

// Examine looks at everything that it can.
func (m Machine) Examine() []Finding {
	e := &examination{Machine: &m}
	e.descriptors()
	e.ports()
	if m.System == "linux" {
		e.linux()
	} else {
		if v, ok := e.number("", "kern.ipc.somaxconn"); ok {
			e.backlog("kern.ipc.somaxconn", v)
		}
		e.add("system", Note, fmt.Sprintf("of %s little is known: CPU time and memory of servers are not measured here, and the rest was not looked at", m.System), "")
	}
	return e.findings
}

func (e *examination) add(name string, level Level, text, mend string) {
	e.findings = append(e.findings, Finding{name, level, text, mend})
}

// spare descriptors are what the generator needs beside its connections.
const spare = 128

func (e *examination) descriptors() {
	if e.Descriptors == 0 {
		e.add("descriptors", Note, "the limit of open files is not known here", "")
		return
	}
	most := max(0, int64(min(e.Descriptors, 1<<40))-spare)
	text := fmt.Sprintf("%s open files: %s connections in one process; more by --procs", count(e.Descriptors), count(uint64(most)))
	if int64(e.Conns) <= most {
		e.add("descriptors", OK, text, "")
		return
	}
	need := uint64(e.Conns) + spare
	mend := fmt.Sprintf("ulimit -n %d", need)
	if need > e.DescriptorsHard {
		mend = fmt.Sprintf("as root: ulimit -Hn %d && ulimit -n %d; or \"* - nofile %d\" in /etc/security/limits.conf; or --procs %d", need, need, need, int64(e.Conns)/max(1, most)+1)
	}
	e.add("descriptors", Problem, text, mend)
}

// ports looks at how many connections one address can have to one other.
func (e *examination) ports() {
	var low, high uint64
	var ok bool
	if e.System == "linux" {
		low, high, ok = e.pair("proc/sys/net/ipv4/ip_local_port_range")
	} else {
		low, ok = e.number("", "net.inet.ip.portrange.first")
		if ok {
			high, ok = e.number("", "net.inet.ip.portrange.last")
		}
	}
	if !ok || high < low {
		return
	}
	each := high - low + 1
	need := (uint64(e.Conns) + each - 1) / each
	text := fmt.Sprintf("ports %d to %d: %s connections from each address to a server's", low, high, count(each))
	switch {
	case uint64(max(1, e.Sources)) >= need:
		e.add("ports", OK, text, "")
	case !e.Remote:
		e.add("ports", OK, fmt.Sprintf("%s; %s need %d addresses, of which 127.0.0.0/8 has enough: they are taken by themselves", text, count(uint64(e.Conns)), need), "")
	default:
		mend := fmt.Sprintf("give %d addresses of this machine by --source", need)
		if wide := uint64(65535 - 1024 + 1); uint64(e.Conns) <= wide*uint64(max(1, e.Sources)) && e.System == "linux" {
			mend = "sysctl -w net.ipv4.ip_local_port_range='1024 65535'; or " + mend
		}
		e.add("ports", Problem, fmt.Sprintf("%s; %s need %d addresses", text, count(uint64(e.Conns)), need), mend)
	}
}

// least is what a queue of a listener should hold: a burst of handshakes.
const least = 1024

func (e *examination) backlog(name string, v uint64) {
	text := fmt.Sprintf("%s is %s", name, count(v))
	if v >= least {
		e.add("backlog", OK, text, "")
		return
	}
	e.add("backlog", Note, text+": a storm of connects loses some, which come again after a second", fmt.Sprintf("sysctl -w %s=4096, and start the server anew", name))
}

// text is a file without blanks around it; empty if there is none.
func (e *examination) text(name string) string {
	if e.Files == nil {
		return ""
	}
	b, err := fs.ReadFile(e.Files, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number is the number in a file, or of a sysctl.
func (e *examination) number(file, sysctl string) (uint64, bool) {
	if file != "" {
		v, err := strconv.ParseUint(e.text(file), 10, 64)
		return v, err == nil
	}
	if e.Sysctl == nil {
		return 0, false
	}
	return e.Sysctl(sysctl)
}

// pair is the two numbers in a file.
func (e *examination) pair(file string) (a, b uint64, ok bool) {
	f := strings.Fields(e.text(file))
	if len(f) != 2 {
		return 0, 0, false
	}
	a, err1 := strconv.ParseUint(f[0], 10, 64)
	b, err2 := strconv.ParseUint(f[1], 10, 64)
	return a, b, err1 == nil && err2 == nil
}

// count is n with commas.
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Local says whether an address is on this machine by its form.
func Local(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }
