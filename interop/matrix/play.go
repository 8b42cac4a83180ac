package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// cellTime bounds the playing of a cell; most need a second or two.
const cellTime = 3 * time.Minute

// A testCase is one line of cases.json.
type testCase struct {
	Name string `json:"name"`
	What string `json:"what"`
}

func readCases() (list []testCase, err error) {
	text, err := os.ReadFile("cases.json")
	if err != nil {
		return nil, err
	}
	return list, json.Unmarshal(text, &list)
}

// An outcome is what was seen in a cell.
type outcome struct {
	cell
	passed int
	failed []string
	none   map[string]string // why the client cannot, by case
}

// playAll plays all cells, two at a time, and returns their outcomes in the same order.
func playAll(ctx context.Context, played []cell, on servers, cases []testCase) []outcome {
	outcomes := make([]outcome, len(played))
	var all sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, 2)
	for i, c := range played {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			s := on[key(&c, false)]
			if s == nil {
				s = on[key(&c, true)]
			}
			began := time.Now()
			o := c.play(ctx, s.url, fmt.Sprint("cell", i), cases)
			mu.Lock()
			defer mu.Unlock()
			outcomes[i] = o
			verdict := "ok"
			if len(o.failed) > 0 {
				verdict = "FAILED"
			}
			fmt.Printf("%s: %s, %d of %d, %.1f s\n", c.name(), verdict, o.passed, o.passed+len(o.none)+len(o.failed), time.Since(began).Seconds())
		})
	}
	all.Wait()
	return outcomes
}

// play runs the client's program. The tag keeps the rooms and namespaces of one cell from
// those of another.
func (c *cell) play(ctx context.Context, url, tag string, cases []testCase) outcome {
	ctx, cancel := context.WithTimeout(ctx, cellTime)
	defer cancel()
	line := append(slices.Clone(c.client.command), url, c.transport, c.parser, tag)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // for what it starts
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var said lockedBuffer
	cmd.Stderr = &said
	printed, err := cmd.Output()
	o := judge(string(printed), cases)
	o.cell = *c
	if err != nil {
		o.failed = append(o.failed, fmt.Sprintf("its program: %v", err))
	}
	if log := said.String(); len(o.failed) > 0 && log != "" {
		o.failed = append(o.failed, "its program said: "+log[:min(len(log), 2000)])
	}
	return o
}

// judge reads what a program printed: a line for each case, which is one of
//
//	ok NAME
//	fail NAME WHY
//	none NAME WHY
//
// A case without a line has failed, and so has one with two.
func judge(printed string, cases []testCase) outcome {
	o := outcome{none: make(map[string]string)}
	missing := make(map[string]bool)
	for _, c := range cases {
		missing[c.Name] = true
	}
	lines := bufio.NewScanner(strings.NewReader(printed))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		verdict, rest, _ := strings.Cut(lines.Text(), " ")
		name, why, _ := strings.Cut(rest, " ")
		if !missing[name] {
			o.failed = append(o.failed, fmt.Sprintf("unexpected: %.300s", lines.Text()))
			continue
		}
		delete(missing, name)
		switch {
		case verdict == "ok" && why == "":
			o.passed++
		case verdict == "none" && why != "":
			o.none[name] = why
		default:
			o.failed = append(o.failed, fmt.Sprintf("%s: %.300s", name, why))
		}
	}
	for _, c := range cases {
		if missing[c.Name] {
			o.failed = append(o.failed, c.Name+": not played")
		}
	}
	return o
}
