"""The configuration files of the node's programs, and a kubeconfig for each client of the API."""

from __future__ import annotations

import base64
import json
from typing import Any

import yaml

from stanchion_cli.cluster.layout import Layout, write
from stanchion_cli.cluster.packages import program
from stanchion_cli.cluster.ranges import Ranges

API_PORT = 6443
CLUSTER_DOMAIN = "cluster.local"


def write_kubeconfigs(layout: Layout, plan: Ranges) -> None:
    """Write a kubeconfig for each client of the API server, the administrator's among them."""
    address = f"https://{plan.node_address}:{API_PORT}"
    for user in ("controller-manager", "scheduler", "proxy", "kubelet"):
        text = kubeconfig(layout, user, address)
        write(layout.configuration / f"{user}.kubeconfig", text, 0o600)
    write(layout.kubeconfig, kubeconfig(layout, "admin", address), 0o600)


def kubeconfig(layout: Layout, user: str, address: str) -> str:
    """A kubeconfig with certificate and key of `user` inside."""

    def data(file: str) -> str:
        return base64.b64encode((layout.certificates / file).read_bytes()).decode()

    name = layout.node
    login = f"{name}-{user}"
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {"server": address, "certificate-authority-data": data("ca.crt")},
                }
            ],
            "users": [
                {
                    "name": login,
                    "user": {
                        "client-certificate-data": data(f"{user}.crt"),
                        "client-key-data": data(f"{user}.key"),
                    },
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": login}}],
            "current-context": name,
        },
        sort_keys=False,
    )


def write_configuration(layout: Layout, plan: Ranges, node_image: str) -> None:
    """Write the configuration files of containerd, its network plugin, kubelet and kube-proxy."""
    folder = layout.configuration
    write(folder / "containerd.toml", containerd_toml(layout, node_image))
    write(folder / "cni" / "10-stanchion.conflist", json.dumps(cni_list(plan), indent=2))
    write(folder / "kubelet.yaml", yaml.safe_dump(kubelet_configuration(layout, plan)))
    write(folder / "kube-proxy.yaml", yaml.safe_dump(proxy_configuration(layout, plan)))


def containerd_toml(layout: Layout, node_image: str) -> str:
    """Containerd with a root, a socket and a sandbox image of the cluster's own."""

    def quoted(value: object) -> str:
        return json.dumps(str(value))

    cri = 'plugins."io.containerd.grpc.v1.cri"'
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE a score cannot be lowered, and a pod that
    # asks for it would not start. opt: its default path is /opt, outside the cluster's folder.
    return f"""version = 2
root = {quoted(layout.root / "containerd")}
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
  address = {quoted(layout.containerd_socket)}

[plugins."io.containerd.internal.v1.opt"]
  path = {quoted(layout.root / "containerd" / "opt")}

[{cri}]
  sandbox_image = {quoted(node_image)}
  restrict_oom_score_adj = true
  enable_unprivileged_ports = true

[{cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = {quoted(layout.configuration / "cni")}

[{cri}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"

[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[{cri}.containerd.runtimes.runc.options]
  BinaryName = {quoted(program("runc"))}
  SystemdCgroup = false
"""


def cni_list(plan: Ranges) -> dict[str, Any]:
    """A routed pair of interfaces per pod, and nothing masqueraded.

    Not a bridge: two pods on one would answer each other past the node's address translation,
    unless the kernel has bridge netfilter, and a Service would then not answer.
    """
    return {
        "cniVersion": "0.4.0",
        "name": "stanchion",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "mtu": 1500,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": str(plan.pods)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }


def kubelet_configuration(layout: Layout, plan: Ranges) -> dict[str, Any]:
    """The kubelet for a machine that it shares with other work, on either version of cgroups."""
    pki = layout.certificates
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(plan.node_address),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.node}",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "localStorageCapacityIsolation": True,
        # The machine's disk is its owner's: images and pods are not thrown away to free it.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "clusterDNS": [str(plan.dns_service)],
        "clusterDomain": CLUSTER_DOMAIN,
        # The machine's own name servers are out of a pod's reach.
        "resolvConf": "",
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "makeIPTablesUtilChains": False,
        "podLogsDir": "/var/log/pods",
        "volumePluginDir": str(layout.root / "kubelet" / "volume-plugins"),
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "maxPods": 110,
        "serializeImagePulls": False,
    }


def proxy_configuration(layout: Layout, plan: Ranges) -> dict[str, Any]:
    """Service addresses by nftables; connection tracking limits stay the machine's.

    There is no `clusterCIDR`, by which requests from this machine would be masqueraded. One node
    needs no such detour: pods answer the machine through the node anyway. With it, the kernel draws
    ports that a pod still remembers from connections it closed, and answers them as those.
    """
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(layout.configuration / "proxy.kubeconfig")},
        "hostnameOverride": layout.node,
        "bindAddress": str(plan.node_address),
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "nodePortAddresses": [f"{plan.node_address}/32"],
        "oomScoreAdj": 0,
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
