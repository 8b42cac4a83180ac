//go:build unix

package bench

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup makes cmd the first of a process group of its own: a terminal's ctrl-C
// is not for it, and what it starts can be ended with it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends p and all that is left of its group, if anything is.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
