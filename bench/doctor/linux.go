package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// linux looks at what Linux tells in /proc and /sys. The names of settings are those
// of Documentation/admin-guide/sysctl and Documentation/networking/ip-sysctl.rst.
func (e *examination) linux() {
	if v, ok := e.number("proc/sys/net/core/somaxconn", ""); ok {
		e.backlog("net.core.somaxconn", v)
	}
	if v, ok := e.number("proc/sys/net/ipv4/tcp_max_syn_backlog", ""); ok {
		e.backlog("net.ipv4.tcp_max_syn_backlog", v)
	}
	e.memory()
	e.timeWait()
	e.conntrack()
	e.load()
	e.governor()
	e.hugePages()
	e.groups()
	e.hypervisor()
	e.ioUring()
}

// perSocket is about what the kernel keeps for an idle TCP socket in small use, in
// bytes, and pageSize the unit of tcp_mem.
const (
	perSocket = 5 << 10
	pageSize  = 4 << 10
)

func (e *examination) memory() {
	f := strings.Fields(e.text("proc/sys/net/ipv4/tcp_mem"))
	if len(f) == 3 {
		if most, err := strconv.ParseUint(f[2], 10, 64); err == nil {
			sockets := uint64(e.Conns)
			if !e.Remote {
				sockets *= 2 // both ends are here
			}
			text := fmt.Sprintf("TCP may take %s MiB; %s sockets take some %s", count(most*pageSize>>20), count(sockets), count(sockets*perSocket>>20))
			if sockets*perSocket > most*pageSize {
				e.add("TCP memory", Problem, text, fmt.Sprintf("sysctl -w net.ipv4.tcp_mem='%s %s %d'", f[0], f[1], sockets*perSocket*2/pageSize))
			} else {
				e.add("TCP memory", OK, text, "")
			}
		}
	}
	rmem, ok1 := e.number("proc/sys/net/core/rmem_max", "")
	wmem, ok2 := e.number("proc/sys/net/core/wmem_max", "")
	if !ok1 || !ok2 {
		return
	}
	const enough = 200 << 10 // less than the kernel's own default
	text := fmt.Sprintf("a socket's buffers may be %s KiB to read and %s KiB to write by option, and by themselves what tcp_rmem and tcp_wmem say", count(rmem>>10), count(wmem>>10))
	if rmem < enough || wmem < enough {
		e.add("buffers", Note, text, "sysctl -w net.core.rmem_max=212992 net.core.wmem_max=212992")
		return
	}
	e.add("buffers", OK, text, "")
}

func (e *examination) timeWait() {
	v, ok := e.number("proc/sys/net/ipv4/tcp_tw_reuse", "")
	switch {
	case !ok:
	case v == 1 || v == 2 && !e.Remote:
		e.add("TIME_WAIT", OK, "ports of connections that have ended are used again after a second", "")
	default:
		e.add("TIME_WAIT", Note, "ports of connections that have ended rest for a minute: connecting over and over runs out of them", "sysctl -w net.ipv4.tcp_tw_reuse=1")
	}
}

func (e *examination) conntrack() {
	most, ok := e.number("proc/sys/net/netfilter/nf_conntrack_max", "")
	if !ok {
		e.add("conntrack", OK, "not loaded", "")
		return
	}
	now, _ := e.number("proc/sys/net/netfilter/nf_conntrack_count", "")
	text := fmt.Sprintf("follows %s of at most %s connections, and costs a share of each packet", count(now), count(most))
	if now+uint64(e.Conns) > most*9/10 {
		e.add("conntrack", Problem, text, fmt.Sprintf("sysctl -w net.netfilter.nf_conntrack_max=%d", 2*(now+uint64(e.Conns))))
		return
	}
	e.add("conntrack", Note, text, "leave the server's port out: iptables -t raw -A PREROUTING -p tcp --dport PORT -j NOTRACK")
}

func (e *examination) load() {
	f := strings.Fields(e.text("proc/loadavg"))
	if len(f) < 3 {
		return
	}
	v, err := strconv.ParseFloat(f[0], 64)
	if err != nil {
		return
	}
	text := fmt.Sprintf("%s runnable on average over the last minute, on %d cores", f[0], e.Cores)
	switch share := v / float64(max(1, e.Cores)); {
	case share > 0.5:
		e.add("load", Problem, text+": something else is running", "see top, and end it or wait")
	case share > 0.1:
		e.add("load", Note, text, "")
	default:
		e.add("load", OK, text, "")
	}
	if e.Cores < 2 {
		e.add("cores", Note, "one core for generator and server: they take it from each other", "run the server on another machine, or give this one another core")
	}
}

func (e *examination) governor() {
	if e.Files == nil {
		return
	}
	names, err := fs.Glob(e.Files, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
	if err != nil || len(names) == 0 {
		e.add("governor", OK, "the processors' speed is not this system's to choose", "")
		return
	}
	var all []string
	for _, name := range names {
		all = append(all, e.text(name))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) == 1 && all[0] == "performance" {
		e.add("governor", OK, "performance", "")
		return
	}
	e.add("governor", Note, strings.Join(all, ", ")+": the processors' speed follows the load, and figures with it", "cpupower frequency-set -g performance")
}

func (e *examination) hugePages() {
	s := e.text("sys/kernel/mm/transparent_hugepage/enabled")
	switch {
	case s == "":
	case strings.Contains(s, "[always]"):
		e.add("huge pages", Note, "always: memory figures go in steps of 2 MiB", "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")
	default:
		_, set, _ := strings.Cut(s, "[")
		set, _, _ = strings.Cut(set, "]")
		e.add("huge pages", OK, set, "")
	}
}

// groups looks at the limits of the control groups that we are in, of version 2 and
// of version 1.
func (e *examination) groups() {
	cores, memory := 0.0, uint64(0)
	tighter := func(c float64) {
		if c > 0 && (cores == 0 || c < cores) {
			cores = c
		}
	}
	for line := range strings.Lines(e.text("proc/self/cgroup")) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		switch {
		case part[0] == "0":
			// Each group above binds, too.
			for dir := path.Join("sys/fs/cgroup", part[2]); strings.HasPrefix(dir, "sys/fs/cgroup"); dir = path.Dir(dir) {
				if quota, period, ok := e.pair(dir + "/cpu.max"); ok && period > 0 { // else "max"
					tighter(float64(quota) / float64(period))
				}
				if v, ok := e.number(dir+"/memory.max", ""); ok && (memory == 0 || v < memory) {
					memory = v
				}
			}
		case slices.Contains(strings.Split(part[1], ","), "cpu"):
			quota, ok1 := e.number("sys/fs/cgroup/cpu"+part[2]+"/cpu.cfs_quota_us", "")
			period, ok2 := e.number("sys/fs/cgroup/cpu"+part[2]+"/cpu.cfs_period_us", "")
			if ok1 && ok2 && period > 0 {
				tighter(float64(quota) / float64(period))
			}
		case part[1] == "memory":
			if v, ok := e.number("sys/fs/cgroup/memory"+part[2]+"/memory.limit_in_bytes", ""); ok && v < 1<<50 {
				memory = v
			}
		}
	}
	if cores > 0 {
		e.add("cgroup", Problem, fmt.Sprintf("at most %.2f cores: whoever needs more is stopped until the next tenth of a second, which shows as latency", cores), "lift the limit of the container, or of the systemd unit (CPUQuota=)")
	}
	if memory > 0 {
		text := fmt.Sprintf("at most %s MiB of memory", count(memory>>20))
		if memory < uint64(e.Conns)*2*(perSocket+2<<10) {
			e.add("cgroup", Problem, text, "lift the limit of the container, or of the systemd unit (MemoryMax=)")
		} else {
			e.add("cgroup", Note, text, "")
		}
	}
	if cores == 0 && memory == 0 {
		e.add("cgroup", OK, "no limit of processors or memory", "")
	}
}

// hypervisor looks at the time that a hypervisor gave to others.
func (e *examination) hypervisor() {
	virtual := false
	for line := range strings.Lines(e.text("proc/cpuinfo")) {
		if name, flags, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			virtual = slices.Contains(strings.Fields(flags), "hypervisor")
			break
		}
	}
	if e.Span <= 0 {
		return
	}
	before, ok1 := e.processors()
	time.Sleep(e.Span)
	after, ok2 := e.processors()
	where := "on the machine itself"
	if virtual {
		where = "in a virtual machine"
	}
	if !ok1 || !ok2 || after.all <= before.all {
		return
	}
	share := 100 * float64(after.steal-before.steal) / float64(after.all-before.all)
	text := fmt.Sprintf("%s; its host gave %.1f %% of the processors' time to others just now", where, share)
	switch {
	case share >= 2:
		e.add("steal", Problem, text, "wait, or use a machine of your own")
	case virtual:
		e.add("steal", Note, text+". Speed may drift: compare only what ran turn about", "sio-bench matrix")
	default:
		e.add("steal", OK, where, "")
	}
}

// times are of all processors since the start, in ticks.
type times struct{ all, steal uint64 }

// processors reads the first line of /proc/stat: user, nice, system, idle, iowait,
// irq, softirq, steal, and guests', which is in user already.
func (e *examination) processors() (t times, ok bool) {
	first, _, _ := strings.Cut(e.text("proc/stat"), "\n")
	f := strings.Fields(first)
	if len(f) < 9 || f[0] != "cpu" {
		return t, false
	}
	for i, word := range f[1:9] {
		v, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return t, false
		}
		t.all += v
		if i == 7 {
			t.steal = v
		}
	}
	return t, true
}

func (e *examination) ioUring() {
	if v, ok := e.number("proc/sys/kernel/io_uring_disabled", ""); ok && v != 0 {
		e.add("io_uring", Note, fmt.Sprintf("switched off (kernel.io_uring_disabled is %d): servers that send by it write instead", v), "sysctl -w kernel.io_uring_disabled=0")
		return
	}
	if e.IOUring == nil {
		return
	}
	if err := e.IOUring(); err != nil {
		e.add("io_uring", Note, fmt.Sprintf("not allowed here (%v): servers that send by it write instead", err), "allow io_uring_setup in the container's seccomp profile")
		return
	}
	e.add("io_uring", OK, "allowed", "")
}
