"""Certificates: issued by the cluster's own authority, for the right names, renewed in time."""

from __future__ import annotations

import base64
import stat
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID
from stanchion_cli.cluster import certificates
from stanchion_cli.cluster.configuration import write_kubeconfigs
from stanchion_cli.cluster.layout import Layout
from stanchion_cli.cluster.ranges import Ranges

PLAN = Ranges(2)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout("local", tmp_path)
    assert certificates.ensure(made, PLAN)
    return made


def read(layout: Layout, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((layout.certificates / f"{name}.crt").read_bytes())


def test_each_certificate_is_issued_by_its_authority_and_by_no_other(layout: Layout) -> None:
    for subject in certificates.subjects(layout, PLAN):
        found = read(layout, subject.file)
        found.verify_directly_issued_by(read(layout, subject.authority))
        for other in {"ca", "etcd-ca", "front-proxy-ca"} - {subject.authority}:
            with pytest.raises(ValueError, match="match"):
                found.verify_directly_issued_by(read(layout, other))


def test_keys_are_readable_by_root_alone(layout: Layout) -> None:
    keys = list(layout.certificates.glob("*.key"))
    assert len(keys) == len(certificates.subjects(layout, PLAN)) + 4
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(layout.certificates.stat().st_mode) == 0o700


def test_the_api_server_answers_at_its_service_and_the_nodes_address(layout: Layout) -> None:
    names = read(layout, "apiserver").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    addresses = names.value.get_values_for_type(x509.IPAddress)
    assert {PLAN.api_service, PLAN.node_address, IPv4Address("127.0.0.1")} == set(addresses)
    assert "kubernetes.default.svc" in names.value.get_values_for_type(x509.DNSName)


def test_the_kubelet_is_its_node_and_no_administrator(layout: Layout) -> None:
    subject = read(layout, "kubelet").subject
    assert [part.value for part in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [
        "system:node:stanchion-local"
    ]
    assert [part.value for part in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == [
        "system:nodes"
    ]


def test_nothing_is_made_anew_while_all_is_valid(layout: Layout) -> None:
    before = {path.name: path.read_bytes() for path in layout.certificates.iterdir()}
    assert not certificates.ensure(layout, PLAN)
    assert {path.name: path.read_bytes() for path in layout.certificates.iterdir()} == before


def test_certificates_are_renewed_a_month_before_they_end_and_authorities_stay(
    layout: Layout,
) -> None:
    authority, server = read(layout, "ca"), read(layout, "apiserver")
    assert certificates.ensure(layout, PLAN, datetime.now(UTC) + timedelta(days=340))
    assert read(layout, "ca") == authority
    assert read(layout, "apiserver").serial_number != server.serial_number


def test_a_lost_key_a_torn_file_and_other_addresses_mean_a_new_certificate(layout: Layout) -> None:
    serials = {name: read(layout, name).serial_number for name in ("etcd", "admin", "apiserver")}
    (layout.certificates / "etcd.key").unlink()
    (layout.certificates / "admin.crt").write_text("-----BEGIN CERT")
    assert certificates.ensure(layout, Ranges(3))
    assert all(read(layout, name).serial_number != old for name, old in serials.items())


def test_a_new_authority_means_new_certificates(layout: Layout) -> None:
    (layout.certificates / "ca.crt").unlink()
    assert certificates.ensure(layout, PLAN)
    read(layout, "admin").verify_directly_issued_by(read(layout, "ca"))


def test_the_kubeconfig_is_the_administrators_and_readable_by_root_alone(layout: Layout) -> None:
    write_kubeconfigs(layout, PLAN)
    assert stat.S_IMODE(layout.kubeconfig.stat().st_mode) == 0o600
    config = yaml.safe_load(layout.kubeconfig.read_text())
    assert config["current-context"] == "stanchion-local"
    assert config["clusters"][0]["cluster"]["server"] == f"https://{PLAN.node_address}:6443"
    held = base64.b64decode(config["users"][0]["user"]["client-certificate-data"])
    assert x509.load_pem_x509_certificate(held) == read(layout, "admin")
