package doctor

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// files makes a file system of names and contents.
func files(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1] + "\n")}
	}
	return m
}

// TestExamine looks at one thing at a time.
func TestExamine(t *testing.T) {
	for _, tc := range []struct {
		name  string
		m     Machine
		find  string // the finding's name
		level Level
		text  string
		mend  string
	}{
		{"descriptors", Machine{Descriptors: 20000, Conns: 10000}, "descriptors", OK, "20,000 open files: 19,872 connections", ""},
		{"descriptors, soft", Machine{Descriptors: 1024, DescriptorsHard: 1 << 20, Conns: 10000}, "descriptors", Problem, "1,024 open files: 896", "ulimit -n 10128"},
		{"descriptors, hard", Machine{Descriptors: 1024, DescriptorsHard: 4096, Conns: 10000}, "descriptors", Problem, "", "--procs 12"},
		{"descriptors, hardly any", Machine{Descriptors: 64, DescriptorsHard: 64, Conns: 10}, "descriptors", Problem, ": 0 connections", "--procs 11"},
		{"descriptors, no limit", Machine{Descriptors: 1<<64 - 1, Conns: 10000}, "descriptors", OK, "", ""},
		{"descriptors, not known", Machine{}, "descriptors", Note, "not known", ""},
		{"ports", Machine{Conns: 28232, Remote: true, Files: files("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999")}, "ports", OK, "28,232 connections from each", ""},
		{"ports, loopback", Machine{Conns: 100000, Files: files("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999")}, "ports", OK, "100,000 need 4 addresses, of which", ""},
		{"ports, remote", Machine{Conns: 50000, Remote: true, Files: files("proc/sys/net/ipv4/ip_local_port_range", "32768 60999")}, "ports", Problem, "need 2", "ip_local_port_range='1024 65535'; or give 2 addresses"},
		{"ports, remote, far too many", Machine{Conns: 500000, Remote: true, Sources: 2, Files: files("proc/sys/net/ipv4/ip_local_port_range", "32768 60999")}, "ports", Problem, "need 18", "give 18 addresses of this machine by --source"},
		{"ports, sources", Machine{Conns: 50000, Remote: true, Sources: 2, Files: files("proc/sys/net/ipv4/ip_local_port_range", "32768 60999")}, "ports", OK, "", ""},
		{"backlog", Machine{Files: files("proc/sys/net/core/somaxconn", "4096")}, "backlog", OK, "net.core.somaxconn is 4,096", ""},
		{"backlog, short", Machine{Files: files("proc/sys/net/ipv4/tcp_max_syn_backlog", "128")}, "backlog", Note, "tcp_max_syn_backlog is 128", "sysctl -w net.ipv4.tcp_max_syn_backlog=4096"},
		{"TCP memory", Machine{Conns: 10000, Files: files("proc/sys/net/ipv4/tcp_mem", "1 2 300000")}, "TCP memory", OK, "1,171 MiB; 20,000 sockets take some 97", ""},
		{"TCP memory, little", Machine{Conns: 10000, Files: files("proc/sys/net/ipv4/tcp_mem", "1 2 3000")}, "TCP memory", Problem, "11 MiB", "tcp_mem='1 2 50000'"},
		{"buffers", Machine{Files: files("proc/sys/net/core/rmem_max", "212992", "proc/sys/net/core/wmem_max", "212992")}, "buffers", OK, "208 KiB", ""},
		{"buffers, small", Machine{Files: files("proc/sys/net/core/rmem_max", "4096", "proc/sys/net/core/wmem_max", "212992")}, "buffers", Note, "4 KiB to read", "sysctl -w net.core.rmem_max"},
		{"ports used again", Machine{Files: files("proc/sys/net/ipv4/tcp_tw_reuse", "2")}, "TIME_WAIT", OK, "", ""},
		{"ports used again, but on loopback only", Machine{Remote: true, Files: files("proc/sys/net/ipv4/tcp_tw_reuse", "2")}, "TIME_WAIT", Note, "rest for a minute", "tcp_tw_reuse=1"},
		{"no conntrack", Machine{}, "conntrack", OK, "not loaded", ""},
		{"conntrack", Machine{Conns: 10, Files: files("proc/sys/net/netfilter/nf_conntrack_max", "262144", "proc/sys/net/netfilter/nf_conntrack_count", "5")}, "conntrack", Note, "5 of at most 262,144", "NOTRACK"},
		{"conntrack, full", Machine{Conns: 250000, Files: files("proc/sys/net/netfilter/nf_conntrack_max", "262144")}, "conntrack", Problem, "", "nf_conntrack_max=500000"},
		{"load", Machine{Cores: 4, Files: files("proc/loadavg", "0.12 0.5 0.1 1/200 99")}, "load", OK, "0.12 runnable", ""},
		{"some load", Machine{Cores: 2, Files: files("proc/loadavg", "0.50 0.5 0.1 1/200 99")}, "load", Note, "", ""},
		{"load of others", Machine{Cores: 2, Files: files("proc/loadavg", "3.00 0.5 0.1 1/200 99")}, "load", Problem, "something else", "top"},
		{"one core", Machine{Cores: 1, Files: files("proc/loadavg", "0.00 0.5 0.1 1/200 99")}, "cores", Note, "one core", "another"},
		{"no governor", Machine{Files: files()}, "governor", OK, "not this system's", ""},
		{"governor", Machine{Files: files("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance", "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance")}, "governor", OK, "performance", ""},
		{"governor that saves", Machine{Files: files("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance", "sys/devices/system/cpu/cpu12/cpufreq/scaling_governor", "powersave")}, "governor", Note, "performance, powersave", "cpupower"},
		{"huge pages", Machine{Files: files("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never")}, "huge pages", OK, "madvise", ""},
		{"huge pages always", Machine{Files: files("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")}, "huge pages", Note, "2 MiB", "echo madvise"},
		{"no cgroup", Machine{}, "cgroup", OK, "no limit", ""},
		{"cgroup, processors, of the one above", Machine{Files: files("proc/self/cgroup", "0::/a/b", "sys/fs/cgroup/a/cpu.max", "150000 100000", "sys/fs/cgroup/a/b/cpu.max", "max 100000")}, "cgroup", Problem, "1.50 cores", "CPUQuota="},
		{"cgroup, memory", Machine{Conns: 1000, Files: files("proc/self/cgroup", "0::/", "sys/fs/cgroup/memory.max", "1073741824")}, "cgroup", Note, "1,024 MiB", ""},
		{"cgroup, little memory", Machine{Conns: 100000, Files: files("proc/self/cgroup", "0::/", "sys/fs/cgroup/memory.max", "1073741824")}, "cgroup", Problem, "1,024 MiB", "MemoryMax="},
		{"cgroup 1, processors", Machine{Files: files("proc/self/cgroup", "4:cpu,cpuacct:/d\n5:memory:/d", "sys/fs/cgroup/cpu/d/cpu.cfs_quota_us", "50000", "sys/fs/cgroup/cpu/d/cpu.cfs_period_us", "100000")}, "cgroup", Problem, "0.50 cores", "CPUQuota"},
		{"cgroup 1, memory", Machine{Files: files("proc/self/cgroup", "5:memory:/d", "sys/fs/cgroup/memory/d/memory.limit_in_bytes", "1048576")}, "cgroup", Note, "1 MiB", ""},
		{"cgroup 1, as good as none", Machine{Files: files("proc/self/cgroup", "5:memory:/d", "sys/fs/cgroup/memory/d/memory.limit_in_bytes", "9223372036854771712")}, "cgroup", OK, "", ""},
		{"io_uring", Machine{IOUring: func() error { return nil }}, "io_uring", OK, "allowed", ""},
		{"io_uring, off", Machine{Files: files("proc/sys/kernel/io_uring_disabled", "2")}, "io_uring", Note, "is 2", "io_uring_disabled=0"},
		{"io_uring, forbidden", Machine{IOUring: func() error { return errors.New("operation not permitted") }}, "io_uring", Note, "operation not permitted", "seccomp"},
		{"another system", Machine{System: "plan9"}, "system", Note, "of plan9 little is known", ""},
		{"another system's queue", Machine{System: "darwin", Sysctl: func(name string) (uint64, bool) { return 128, name == "kern.ipc.somaxconn" }}, "backlog", Note, "kern.ipc.somaxconn is 128", "kern.ipc.somaxconn=4096"},
		{"another system's ports", Machine{System: "freebsd", Conns: 5, Sysctl: func(name string) (uint64, bool) {
			return map[string]uint64{"net.inet.ip.portrange.first": 10000, "net.inet.ip.portrange.last": 65535}[name], true
		}}, "ports", OK, "55,536 connections", ""},
	} {
		if tc.m.System == "" {
			tc.m.System = "linux"
		}
		var seen []string
		found := false
		for _, f := range tc.m.Examine() {
			seen = append(seen, fmt.Sprint(f))
			if f.Name == tc.find && f.Level == tc.level && strings.Contains(f.Text, tc.text) && strings.Contains(f.Mend, tc.mend) && (tc.mend != "" || f.Mend == "") {
				found = true
			}
		}
		if !found {
			t.Errorf("%s: no %s %s …%s… → …%s… in\n%s", tc.name, tc.level, tc.find, tc.text, tc.mend, strings.Join(seen, "\n"))
		}
	}
}

// turning is a file system whose /proc/stat is another one the second time.
type turning struct {
	fstest.MapFS
	stats []string
}

func (f *turning) ReadFile(name string) ([]byte, error) {
	if name == "proc/stat" && len(f.stats) > 0 {
		s := f.stats[0]
		f.stats = f.stats[1:]
		return []byte(s), nil
	}
	return f.MapFS.ReadFile(name)
}

func TestSteal(t *testing.T) {
	const before = "cpu  100 0 100 800 0 0 0 10 0 0\ncpu0 1 2\n"
	virtual := files("proc/cpuinfo", "processor : 0\nflags\t\t: fpu hypervisor sse\n")
	for _, tc := range []struct {
		name  string
		files fstest.MapFS
		after string
		level Level
		text  string
	}{
		{"of a machine of its own", files("proc/cpuinfo", "flags : fpu sse"), "cpu  150 0 100 850 0 0 0 10 0 0", OK, "on the machine itself"},
		{"little", virtual, "cpu  150 0 100 849 0 0 0 11 5 0", Note, "1.0 % of the processors' time"},
		{"much", virtual, "cpu  150 0 100 830 0 0 0 30 0 0", Problem, "20.0 %"},
	} {
		m := Machine{System: "linux", Files: &turning{tc.files, []string{before, tc.after}}, Span: time.Millisecond}
		found := false
		for _, f := range m.Examine() {
			found = found || f.Name == "steal" && f.Level == tc.level && strings.Contains(f.Text, tc.text)
		}
		if !found {
			t.Errorf("%s: %v", tc.name, m.Examine())
		}
	}
	for _, stat := range []string{"", "cpu 1 2", "cpu a b c d e f g h", before} { // nothing is said of what is not known
		m := Machine{System: "linux", Files: &turning{virtual, []string{stat, stat}}, Span: time.Millisecond}
		for _, f := range m.Examine() {
			if f.Name == "steal" {
				t.Errorf("%q: %v", stat, f)
			}
		}
	}
}

// TestHere looks at the machine that the test runs on: nothing must be wrong in
// form, whatever it is.
func TestHere(t *testing.T) {
	m := Machine{Files: os.DirFS("/"), System: runtime.GOOS, Cores: runtime.NumCPU(), Conns: 1000, IOUring: ProbeIOUring, Sysctl: Sysctl, Span: time.Millisecond}
	m.Descriptors, m.DescriptorsHard = Descriptors()
	for _, f := range m.Examine() {
		if f.Name == "" || f.Text == "" || f.Level != OK && f.Level != Note && f.Level != Problem || f.Level == OK && f.Mend != "" {
			t.Errorf("%+v", f)
		}
	}
}
