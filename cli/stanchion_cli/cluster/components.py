"""What the node's components are started with: arguments, configuration files, kubeconfigs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stanchion_cli.cluster.layout import Layout, write
from stanchion_cli.cluster.packages import program
from stanchion_cli.cluster.ranges import Ranges
from stanchion_cli.cluster.toolchain import KUBERNETES

NODE_IMAGE = "stanchion.local/node"
API_PORT = 6443
CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Component:
    """One long-running program of the node, as the supervisor is told of it.

    `files` are those that it reads at its start only: a change in one means a new start.
    """

    name: str
    args: tuple[str, ...]
    files: tuple[Path, ...] = ()

    def listed(self) -> dict[str, Any]:
        """Its entry in `components.json`."""
        revision = hashlib.sha256()
        for path in self.files:
            revision.update(path.read_bytes())
        return {
            "name": self.name,
            "args": list(self.args),
            "env": [],
            "revision": revision.hexdigest()[:16],
        }


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
    """Service addresses by nftables; connection tracking limits stay the machine's."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(layout.configuration / "proxy.kubeconfig")},
        "clusterCIDR": str(plan.pods),
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


def components(layout: Layout, plan: Ranges) -> tuple[Component, ...]:
    """The node's programs, in the order in which they depend on each other."""
    etc, pki = layout.configuration, layout.certificates

    def options(values: Mapping[str, object]) -> tuple[str, ...]:
        return tuple(f"--{key}={value}" for key, value in values.items())

    def built(name: str) -> str:
        return str(KUBERNETES.path(name))

    def pairs(*names: str) -> tuple[Path, ...]:
        return tuple(pki / f"{name}.{end}" for name in names for end in ("crt", "key"))

    return (
        Component(
            "etcd",
            (built("etcd"), *options(_etcd(layout))),
            (pki / "etcd-ca.crt", *pairs("etcd")),
        ),
        Component(
            "kube-apiserver",
            (built("kube-apiserver"), *options(_api_server(layout, plan))),
            (
                pki / "service-accounts.key",
                pki / "ca.crt",
                pki / "front-proxy-ca.crt",
                *pairs(
                    "apiserver", "etcd-client", "apiserver-kubelet-client", "front-proxy-client"
                ),
            ),
        ),
        Component(
            "containerd",
            (str(program("containerd")), "--config", str(etc / "containerd.toml")),
            (etc / "containerd.toml",),
        ),
        Component(
            "kube-controller-manager",
            (built("kube-controller-manager"), *options(_controller_manager(layout, plan))),
            (etc / "controller-manager.kubeconfig", pki / "service-accounts.key"),
        ),
        Component(
            "kube-scheduler",
            (built("kube-scheduler"), *options(_scheduler(layout))),
            (etc / "scheduler.kubeconfig",),
        ),
        Component(
            "kubelet",
            (
                built("kubelet"),
                *options(
                    {
                        "config": etc / "kubelet.yaml",
                        "kubeconfig": etc / "kubelet.kubeconfig",
                        "root-dir": layout.root / "kubelet",
                        "hostname-override": layout.node,
                        "node-ip": plan.node_address,
                    }
                ),
            ),
            (etc / "kubelet.yaml", etc / "kubelet.kubeconfig", *pairs("kubelet")),
        ),
        Component(
            "kube-proxy",
            (built("kube-proxy"), f"--config={etc / 'kube-proxy.yaml'}"),
            (etc / "kube-proxy.yaml", etc / "proxy.kubeconfig"),
        ),
    )


def _etcd(layout: Layout) -> dict[str, object]:
    pki = layout.certificates
    return {
        "name": layout.node,
        "data-dir": layout.root / "etcd",
        "listen-client-urls": "https://127.0.0.1:2379",
        "advertise-client-urls": "https://127.0.0.1:2379",
        "listen-peer-urls": "http://127.0.0.1:2380",
        "initial-advertise-peer-urls": "http://127.0.0.1:2380",
        "initial-cluster": f"{layout.node}=http://127.0.0.1:2380",
        "client-cert-auth": "true",
        "trusted-ca-file": pki / "etcd-ca.crt",
        "cert-file": pki / "etcd.crt",
        "key-file": pki / "etcd.key",
        "auto-compaction-retention": 1,
        "log-level": "warn",
    }


def _api_server(layout: Layout, plan: Ranges) -> dict[str, object]:
    pki = layout.certificates
    return {
        "advertise-address": plan.node_address,
        "secure-port": API_PORT,
        "etcd-servers": "https://127.0.0.1:2379",
        "etcd-cafile": pki / "etcd-ca.crt",
        "etcd-certfile": pki / "etcd-client.crt",
        "etcd-keyfile": pki / "etcd-client.key",
        "service-cluster-ip-range": plan.services,
        "tls-cert-file": pki / "apiserver.crt",
        "tls-private-key-file": pki / "apiserver.key",
        "client-ca-file": pki / "ca.crt",
        "authorization-mode": "Node,RBAC",
        # PodSecurity is among the defaults.
        "enable-admission-plugins": "NodeRestriction",
        "anonymous-auth": "false",
        "allow-privileged": "true",
        "profiling": "false",
        "service-account-issuer": f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
        "service-account-key-file": pki / "service-accounts.pub",
        "service-account-signing-key-file": pki / "service-accounts.key",
        "kubelet-certificate-authority": pki / "ca.crt",
        "kubelet-client-certificate": pki / "apiserver-kubelet-client.crt",
        "kubelet-client-key": pki / "apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP",
        "enable-aggregator-routing": "true",
        "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": pki / "front-proxy-client.crt",
        "proxy-client-key-file": pki / "front-proxy-client.key",
    }


def _controller_manager(layout: Layout, plan: Ranges) -> dict[str, object]:
    etc, pki = layout.configuration, layout.certificates
    return {
        "kubeconfig": etc / "controller-manager.kubeconfig",
        "authentication-kubeconfig": etc / "controller-manager.kubeconfig",
        "authorization-kubeconfig": etc / "controller-manager.kubeconfig",
        "bind-address": "127.0.0.1",
        "leader-elect": "false",
        "profiling": "false",
        "use-service-account-credentials": "true",
        "service-account-private-key-file": pki / "service-accounts.key",
        "root-ca-file": pki / "ca.crt",
        "cluster-signing-cert-file": pki / "ca.crt",
        "cluster-signing-key-file": pki / "ca.key",
        "service-cluster-ip-range": plan.services,
    }


def _scheduler(layout: Layout) -> dict[str, object]:
    config = layout.configuration / "scheduler.kubeconfig"
    return {
        "kubeconfig": config,
        "authentication-kubeconfig": config,
        "authorization-kubeconfig": config,
        "bind-address": "127.0.0.1",
        "leader-elect": "false",
        "profiling": "false",
    }
