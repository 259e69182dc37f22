// Command coredns is CoreDNS with the plugins that a node without any network outside itself needs.
// The full build brings a hundred more, and the cloud libraries behind them.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

// The order is the order in which a query meets the plugins, whatever the Corefile's.
var directives = []string{
	"errors", "health", "ready", "prometheus", "cache", "kubernetes", "template",
}

func main() {
	dnsserver.Directives = directives
	coremain.Run()
}
