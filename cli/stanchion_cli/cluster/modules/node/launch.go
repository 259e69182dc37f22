package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// launch starts `init` in new process, mount, network, host name and IPC namespaces and in a
// session of its own, waits until it is ready for work, prints its process id and leaves it alone.
// When that process ends, the kernel ends every process of the node and drops its mounts and links.
func launch(state string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(state, "log"), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(state, "log", "node.log"),
		os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	ready, report, err := os.Pipe()
	if err != nil {
		return err
	}
	command := exec.Command(self, "init", state)
	command.Dir = "/"
	command.Env = []string{"PATH=" + searchPath, "HOME=/root", "LANG=C.UTF-8"}
	command.Stdout, command.Stderr = log, log
	command.ExtraFiles = []*os.File{report}
	command.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("the kernel refused the node's namespaces: %w", err)
	}
	report.Close()
	said, _ := io.ReadAll(ready)
	if text := strings.TrimSpace(string(said)); text != "ready" {
		_ = command.Process.Kill()
		_ = command.Wait()
		return fmt.Errorf("the node's first process failed: %s", text)
	}
	fmt.Println(command.Process.Pid)
	return command.Process.Release()
}
