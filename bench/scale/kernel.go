package main

import (
	"os"
	"strconv"
	"strings"
)

// memInfo is a line of /proc/meminfo in bytes; 0 if it cannot be had. Source: proc(5).
func memInfo(name string) int64 {
	return field("/proc/meminfo", name+":", 0) << 10 // told in KiB
}

// kernelMemory is what the kernel holds in bytes, in its slabs (sockets, files, entries
// of epoll) and in the buffers of TCP; 0 if it does not say. It is of the whole machine:
// only what it grows by, while nothing else runs, means something. Source: proc(5).
func kernelMemory() int64 {
	slab := memInfo("Slab")
	if slab == 0 {
		return 0
	}
	return slab + field("/proc/net/sockstat", "TCP: inuse", 8)*int64(os.Getpagesize())
}

// field is word n behind the start of a line of a file; 0 if it is not there.
func field(file, start string, n int) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, start)
		if !ok {
			continue
		}
		if words := strings.Fields(rest); n < len(words) {
			v, _ := strconv.ParseInt(words[n], 10, 64)
			return v
		}
	}
	return 0
}
