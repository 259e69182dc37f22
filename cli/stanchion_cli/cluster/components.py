"""The node's programs and what each is started with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stanchion_cli.cluster.configuration import API_PORT, CLUSTER_DOMAIN
from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.packages import program
from stanchion_cli.cluster.ranges import Ranges
from stanchion_cli.cluster.toolchain import KUBERNETES


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
