package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// volume does what the provisioner's helper pod asks: the folder that its flag -p names is made,
// open to every user as the pod that mounts it may run as any, or deleted with all it holds.
func volume(args []string) error {
	flags := flag.NewFlagSet("volume", flag.ContinueOnError)
	folder := flags.String("p", "", "the volume's folder")
	action := flags.String("a", "", "create or delete")
	flags.String("s", "", "size in bytes, which a folder does not enforce")
	flags.String("m", "", "volume mode, always Filesystem")
	if err := flags.Parse(args); err != nil {
		return err
	}
	clean := filepath.Clean(*folder)
	if !filepath.IsAbs(clean) || strings.Count(clean, "/") < 2 {
		return fmt.Errorf("%q is no folder of a volume", *folder)
	}
	switch *action {
	case "create":
		if err := os.MkdirAll(clean, 0o777); err != nil {
			return err
		}
		return os.Chmod(clean, 0o777)
	case "delete":
		return os.RemoveAll(clean)
	}
	return fmt.Errorf("action %q is neither create nor delete", *action)
}
