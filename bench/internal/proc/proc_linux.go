package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A Process is one that is watched. It is for one goroutine.
type Process struct {
	dir     string
	threads map[int]uint64 // last seen time of each live thread, ns
	ended   uint64         // times of threads that have ended since
	coarse  bool           // no schedstat here: use stat
	buf     []byte
}

// Open starts to watch the process pid. It returns [ErrGone] if there is none.
func Open(pid int) (*Process, error) {
	p := &Process{dir: "/proc/" + strconv.Itoa(pid), threads: map[int]uint64{}, buf: make([]byte, 4096)}
	if _, err := p.CPU(); err != nil {
		return nil, err
	}
	return p, nil
}

// Self watches the calling process.
func Self() (*Process, error) { return Open(os.Getpid()) }

// CPU sums the scheduler's run time of the process's threads, in nanoseconds of
// its clock. Threads that ended between two calls count with what the earlier
// call saw. Where the kernel keeps no schedstat it falls back to the ticks of
// stat, 10 ms each. It returns [ErrGone] once the process has ended.
func (p *Process) CPU() (CPU, error) {
	if !p.coarse {
		ns, err := p.schedstat()
		if err == nil {
			return CPU(ns), nil
		}
		if len(p.threads) > 0 || !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		if _, err := os.Stat(p.dir); err != nil {
			return 0, ErrGone
		}
		p.coarse = true
	}
	return p.stat()
}

func (p *Process) schedstat() (uint64, error) {
	dir, err := os.Open(p.dir + "/task")
	if err != nil {
		return 0, gone(err)
	}
	names, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		return 0, gone(err)
	}
	var live uint64
	missing := error(nil)
	seen := make(map[int]uint64, len(names))
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		line, err := p.read(p.dir + "/task/" + name + "/schedstat")
		if err != nil {
			missing = err // ended meanwhile, or no schedstat at all
			continue
		}
		word, _, _ := bytes.Cut(line, []byte(" "))
		ns, err := strconv.ParseUint(string(word), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s/task/%s/schedstat: %w", p.dir, name, err)
		}
		live += ns
		seen[tid] = ns
	}
	if len(seen) == 0 {
		if missing == nil {
			missing = ErrGone
		}
		return 0, gone(missing)
	}
	for tid, ns := range p.threads {
		if now, ok := seen[tid]; !ok || now < ns { // ended, or its number is another's
			p.ended += ns
		}
	}
	p.threads = seen
	return live + p.ended, nil
}

// stat reads fields 14 and 15 of /proc/PID/stat. Source: proc(5).
func (p *Process) stat() (CPU, error) {
	line, err := p.read(p.dir + "/stat")
	if err != nil {
		return 0, gone(err)
	}
	// The name in field 2 may hold blanks and brackets; the last bracket ends it.
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s/stat: %d fields", p.dir, len(fields)+2)
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("%s/stat: %w", p.dir, err)
	}
	const tick = time.Second / 100 // USER_HZ is 100 on every Linux that Go runs on
	return CPU(time.Duration(user+system) * tick), nil
}

// Memory returns what the process holds now. Reading smaps_rollup walks the page
// tables of the process and keeps it from mapping memory meanwhile: some ten
// milliseconds for each GiB, so it is not for every second.
func (p *Process) Memory() (Memory, error) {
	if text, err := p.read(p.dir + "/smaps_rollup"); err == nil {
		m := Memory{Source: "smaps_rollup"}
		for line := range bytes.Lines(text) {
			name, rest, _ := bytes.Cut(line, []byte(":"))
			into := &m.RSS
			switch string(name) {
			case "Rss":
			case "Pss":
				into = &m.PSS
			default:
				continue
			}
			kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			if err != nil {
				return Memory{}, fmt.Errorf("%s/smaps_rollup: %w", p.dir, err)
			}
			*into = kib << 10
		}
		if m.RSS > 0 {
			return m, nil
		}
	}
	rss, err := p.RSS()
	if err != nil {
		return Memory{}, err
	}
	return Memory{RSS: rss, Source: "statm"}, nil
}

// Threads is the number of the process's threads when [Process.CPU] was last
// called; 0 where the kernel keeps no schedstat.
func (p *Process) Threads() int { return len(p.threads) }

// Descriptors is the number of open descriptors. It costs the same for any
// number of them from Linux 6.2 on (the size of /proc/PID/fd); before, it reads
// the directory.
func (p *Process) Descriptors() (int, error) {
	info, err := os.Stat(p.dir + "/fd")
	if err != nil {
		return 0, gone(err)
	}
	if n := info.Size(); n > 0 {
		return int(n), nil
	}
	dir, err := os.Open(p.dir + "/fd")
	if err != nil {
		return 0, gone(err)
	}
	defer dir.Close()
	n := 0
	for {
		names, err := dir.Readdirnames(1024)
		n += len(names)
		if err == io.EOF || err == nil && len(names) == 0 {
			return n, nil
		}
		if err != nil {
			return 0, gone(err)
		}
	}
}

// RSS is the resident set in bytes from statm: less exact than [Process.Memory],
// and free of cost for the process that is looked at.
func (p *Process) RSS() (int64, error) {
	line, err := p.read(p.dir + "/statm")
	if err != nil {
		return 0, gone(err)
	}
	fields := bytes.Fields(line)
	if len(fields) < 2 {
		return 0, ErrGone // a process that is ending has an empty statm
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s/statm: %w", p.dir, err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// read reads a small file of /proc into the process's buffer.
func (p *Process) read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n := 0
	for n < len(p.buf) {
		k, err := f.Read(p.buf[n:])
		n += k
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return p.buf[:n], nil
}

// gone turns the ways in which /proc says that a process has ended into one.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w (%w)", ErrGone, err)
	}
	return err
}
