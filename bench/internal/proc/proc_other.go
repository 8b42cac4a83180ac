//go:build !linux

package proc

import "os"

// A Process is one that is watched.
type Process struct{ own bool }

// Open returns [ErrUnavailable].
func Open(pid int) (*Process, error) {
	if pid == os.Getpid() {
		return Self()
	}
	return nil, ErrUnavailable
}

// Self watches the calling process: its processor time only, and where the
// system has getrusage.
func Self() (*Process, error) {
	if _, err := ownCPU(); err != nil {
		return nil, err
	}
	return &Process{own: true}, nil
}

// CPU is the processor time of the calling process.
func (p *Process) CPU() (CPU, error) { return ownCPU() }

// Memory returns [ErrUnavailable].
func (p *Process) Memory() (Memory, error) { return Memory{}, ErrUnavailable }

// RSS returns [ErrUnavailable].
func (p *Process) RSS() (int64, error) { return 0, ErrUnavailable }

// Threads is not known here.
func (p *Process) Threads() int { return 0 }

// Descriptors returns [ErrUnavailable].
func (p *Process) Descriptors() (int, error) { return 0, ErrUnavailable }
