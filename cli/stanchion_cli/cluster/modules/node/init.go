package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// runInit prepares the node's view of the machine, reports on descriptor 3, then supervises the
// components listed in STATE/components.json: read at the first SIGHUP and again at each next one.
func runInit(state string) error {
	report := os.NewFile(3, "report")
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGCHLD)
	if os.Getpid() != 1 {
		return fmt.Errorf("init is started by launch only")
	}
	if err := prepare(state); err != nil {
		fmt.Fprintln(report, err)
		return err
	}
	fmt.Fprintln(report, "ready")
	report.Close()
	return newSupervisor(state).run(signals)
}

// prepare makes the folders private that programs insist on (/run/containerd, /var/lib/kubelet,
// /var/log/containers, /var/lib/cni …), so that nothing of the node shows outside its state folder.
func prepare(state string) error {
	type mount struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}
	logs := filepath.Join(state, "log")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	// The state folder may lie below a folder that is hidden next: keep hold of it by a descriptor.
	held, err := os.Open(state)
	if err != nil {
		return err
	}
	defer held.Close()
	through := fmt.Sprintf("/proc/self/fd/%d", held.Fd())
	// The old /proc shows the parent's process ids, so self must be resolved after it is replaced.
	steps := []mount{
		{"", "/", "", syscall.MS_REC | syscall.MS_SLAVE, ""},
		{"proc", "/proc", "proc", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC, ""},
		{"tmpfs", "/run", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=755"},
		{"tmpfs", "/var/lib", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV, "mode=755"},
		{through, state, "", syscall.MS_BIND | syscall.MS_REC, ""},
		{through + "/log", "/var/log", "", syscall.MS_BIND, ""},
		{"", "/", "", syscall.MS_REC | syscall.MS_SHARED, ""},
	}
	for _, step := range steps {
		if step.source == through {
			if err := os.MkdirAll(state, 0o755); err != nil {
				return err
			}
		}
		err := syscall.Mount(step.source, step.target, step.kind, step.flags, step.data)
		if err != nil {
			return fmt.Errorf("mount on %s: %w", step.target, err)
		}
	}
	if err := os.MkdirAll("/run/netns", 0o755); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte("stanchion-" + filepath.Base(state))); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	settings := map[string]string{
		"/proc/sys/net/ipv4/ip_forward":            "1",
		"/proc/sys/net/ipv6/conf/all/disable_ipv6": "1",
		// A pod that calls an address outside is told so each time, not once a second.
		"/proc/sys/net/ipv4/icmp_ratelimit": "0",
	}
	for path, value := range settings {
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if said, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("loopback: %s", strings.TrimSpace(string(said)))
	}
	return nil
}
