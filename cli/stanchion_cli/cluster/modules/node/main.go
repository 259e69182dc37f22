// Command stanchion-node keeps one local Kubernetes node together.
//
// It is a small program with four uses, so that one static binary serves them all:
//
//	launch STATE   start the node's first process in namespaces of its own, print its process id
//	init STATE     that first process: private mounts, then the components, restarted when they end
//	pause          what holds a pod's namespaces open
//	volume         make or delete the folder of a persistent volume, called by the provisioner
package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

const usage = "usage: stanchion-node launch STATE | init STATE | pause | volume -p DIR -a create|delete"

func main() {
	// The provisioner names a single word as its command: in the image, /volume is a link to here.
	if filepath.Base(os.Args[0]) == "volume" {
		os.Args = append([]string{os.Args[0]}, os.Args...)
		os.Args[1] = "volume"
	}
	if len(os.Args) < 2 {
		fail(fmt.Errorf("%s", usage))
	}
	var err error
	switch command, rest := os.Args[1], os.Args[2:]; {
	case command == "launch" && len(rest) == 1:
		err = launch(rest[0])
	case command == "init" && len(rest) == 1:
		err = runInit(rest[0])
	case command == "pause":
		pause()
	case command == "volume":
		err = volume(rest)
	default:
		err = fmt.Errorf("%s", usage)
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "stanchion-node:", err)
	os.Exit(1)
}

// pause waits for the end and, where it is a namespace's first process, reaps orphans.
func pause() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
