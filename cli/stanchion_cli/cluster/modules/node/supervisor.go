package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// A component is one long-running program of the node, as listed in components.json.
type component struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
	Env  []string `json:"env"`
	// Revision changes whenever a file that the program reads only at its start has changed.
	Revision string `json:"revision"`
}

func (c component) equal(other component) bool {
	return c.Revision == other.Revision && slices.Equal(c.Args, other.Args) &&
		slices.Equal(c.Env, other.Env)
}

// running is what run/status.json says of a component.
type running struct {
	Pid      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Restarts int       `json:"restarts"`
	LastExit string    `json:"last_exit"`

	spec    component
	retryAt time.Time
	killAt  time.Time
	wanted  bool
}

const (
	shortestDelay = 500 * time.Millisecond
	longestDelay  = 10 * time.Second
	// A component that ran this long starts anew without a delay when it ends.
	settled = time.Minute
	grace   = 10 * time.Second
)

type supervisor struct {
	folder string
	parts  map[string]*running
	delay  map[string]time.Duration
}

func newSupervisor(folder string) *supervisor {
	return &supervisor{folder: folder, parts: map[string]*running{}, delay: map[string]time.Duration{}}
}

// run never returns but for a fault of its own: the end of this process is the end of the node.
func (s *supervisor) run(signals <-chan os.Signal) error {
	tick := time.NewTicker(250 * time.Millisecond)
	for {
		changed := false
		select {
		case received := <-signals:
			if received == syscall.SIGHUP {
				if err := s.reload(); err != nil {
					fmt.Fprintln(os.Stderr, "components.json:", err)
				}
				changed = true
			}
		case <-tick.C:
		}
		s.killOverdue()
		changed = s.reap() || changed
		changed = s.startDue() || changed
		if changed {
			s.publish()
		}
	}
}

// reload takes in the list: new components are due now, changed ones are ended and start again,
// those no longer listed are ended.
func (s *supervisor) reload() error {
	text, err := os.ReadFile(filepath.Join(s.folder, "components.json"))
	if err != nil {
		return err
	}
	var listed []component
	if err := json.Unmarshal(text, &listed); err != nil {
		return err
	}
	for _, part := range s.parts {
		part.wanted = false
	}
	for _, spec := range listed {
		part, known := s.parts[spec.Name]
		if !known {
			part = &running{}
			s.parts[spec.Name] = part
		}
		part.wanted = true
		if known && !part.spec.equal(spec) {
			s.end(part)
			s.delay[spec.Name] = 0
			part.retryAt = time.Time{}
		}
		part.spec = spec
	}
	for _, part := range s.parts {
		if !part.wanted {
			s.end(part)
		}
	}
	return nil
}

func (s *supervisor) end(part *running) {
	if part.Pid == 0 {
		return
	}
	_ = syscall.Kill(part.Pid, syscall.SIGTERM)
	part.killAt = time.Now().Add(grace)
}

// killOverdue ends what ignored SIGTERM. An id cannot be another's yet: it stays ours until reaped.
func (s *supervisor) killOverdue() {
	for _, part := range s.parts {
		if part.Pid != 0 && !part.killAt.IsZero() && time.Now().After(part.killAt) {
			_ = syscall.Kill(part.Pid, syscall.SIGKILL)
			part.killAt = time.Time{}
		}
	}
}

// reap collects every ended process, the components' and those that others left to us.
func (s *supervisor) reap() bool {
	changed := false
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if pid <= 0 || err != nil {
			return changed
		}
		for name, part := range s.parts {
			if part.Pid != pid {
				continue
			}
			changed = true
			part.Pid, part.killAt = 0, time.Time{}
			part.LastExit = describe(status)
			if !part.wanted {
				delete(s.parts, name)
				continue
			}
			part.Restarts++
			if time.Since(part.Started) > settled {
				s.delay[name] = 0
			}
			part.retryAt = time.Now().Add(s.delay[name])
			s.delay[name] = min(max(2*s.delay[name], shortestDelay), longestDelay)
		}
	}
}

func (s *supervisor) startDue() bool {
	changed := false
	for name, part := range s.parts {
		if part.Pid != 0 || !part.wanted || time.Now().Before(part.retryAt) {
			continue
		}
		changed = true
		if err := s.start(name, part); err != nil {
			part.LastExit = err.Error()
			part.retryAt = time.Now().Add(longestDelay)
		}
	}
	return changed
}

func (s *supervisor) start(name string, part *running) error {
	log, err := os.OpenFile(filepath.Join(s.folder, "log", name+".log"),
		os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(part.spec.Args[0], part.spec.Args, &syscall.ProcAttr{
		Dir:   "/",
		Env:   append([]string{"PATH=" + searchPath, "HOME=/root", "LANG=C.UTF-8"}, part.spec.Env...),
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", part.spec.Args[0], err)
	}
	part.Pid, part.Started = pid, time.Now()
	return nil
}

// publish writes run/status.json whole or not at all.
func (s *supervisor) publish() {
	text, err := json.MarshalIndent(s.parts, "", "  ")
	if err == nil {
		path := filepath.Join(s.folder, "run", "status.json")
		if err = os.WriteFile(path+".new", text, 0o644); err == nil {
			err = os.Rename(path+".new", path)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "status:", err)
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal " + status.Signal().String()
	}
	return fmt.Sprintf("status %d", status.ExitStatus())
}
