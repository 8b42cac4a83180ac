//go:build !unix

package bench

import (
	"os"
	"os/exec"
)

// Without process groups a server is ended alone. What it has started stays, and
// is not waited for.

func ownGroup(*exec.Cmd) {}

func killGroup(p *os.Process) { _ = p.Kill() } // it may have ended
