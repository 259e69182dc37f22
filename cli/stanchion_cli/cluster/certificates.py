"""The node's certificates: three authorities, and a certificate for each who speaks or answers.

They are made for one cluster, stay in its state folder and go with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stanchion_cli.cluster.layout import Layout, write
from stanchion_cli.cluster.ranges import Ranges

_AUTHORITY_LIFE = timedelta(days=3650)
_LIFE = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=30)
_BOTH_USES = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


@dataclass(frozen=True)
class Subject:
    """Who a certificate is for.

    Attributes:
        file: Name of the certificate's file, without `.crt`.
        user: Common name; for a client, the Kubernetes user.
        group: Organisation; for a client, the Kubernetes group.
        hosts: Names and addresses that a server answers at; a client has none.
        authority: File name of who signs.
    """

    file: str
    user: str
    group: str = ""
    hosts: tuple[str | IPv4Address, ...] = ()
    authority: str = "ca"


def subjects(layout: Layout, plan: Ranges) -> tuple[Subject, ...]:
    """Everyone on this node who holds a certificate."""
    local: tuple[str | IPv4Address, ...] = ("localhost", IPv4Address("127.0.0.1"))
    api = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    metrics = "metrics-server.kube-system.svc"
    return (
        Subject("etcd", "etcd", hosts=local, authority="etcd-ca"),
        Subject("etcd-client", "kube-apiserver", authority="etcd-ca"),
        Subject(
            "apiserver",
            "kube-apiserver",
            hosts=(
                *local,
                *api,
                "kubernetes.default.svc.cluster.local",
                plan.api_service,
                plan.node_address,
            ),
        ),
        Subject("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Subject("front-proxy-client", "front-proxy-client", authority="front-proxy-ca"),
        Subject("controller-manager", "system:kube-controller-manager"),
        Subject("scheduler", "system:kube-scheduler"),
        Subject("proxy", "system:kube-proxy"),
        Subject(
            "kubelet",
            f"system:node:{layout.node}",
            "system:nodes",
            (layout.node, plan.node_address),
        ),
        Subject("metrics-server", metrics, hosts=(metrics, "metrics-server.kube-system")),
        Subject("admin", "stanchion-admin", "system:masters"),
    )


def ensure(layout: Layout, plan: Ranges, now: datetime | None = None) -> bool:
    """Make what is missing, does not fit the address plan or ends within 30 days.

    Returns:
        Whether anything was made: the components that hold it must then be started anew.
    """
    moment = now or datetime.now(UTC)
    folder = layout.certificates
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = False
    for authority in ("ca", "etcd-ca", "front-proxy-ca"):
        if not _usable(folder, Subject(authority, authority, authority=authority), moment):
            _make_authority(folder, authority, moment)
            made = True
    for subject in subjects(layout, plan):
        if not _usable(folder, subject, moment):
            _make(folder, subject, moment)
            made = True
    if not (folder / "service-accounts.key").exists():
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write(folder / "service-accounts.pub", public)
        write(folder / "service-accounts.key", _pem(key), 0o600)
        made = True
    return made


def _usable(folder: Path, subject: Subject, moment: datetime) -> bool:
    try:
        found = _read(folder, subject.file)
        signer = _read(folder, subject.authority)
        _read_key(folder, subject.file)
    except (FileNotFoundError, ValueError):
        return False
    if found.not_valid_after_utc - moment < _RENEW_BEFORE or moment < found.not_valid_before_utc:
        return False
    try:
        found.verify_directly_issued_by(signer)
    except Exception:  # noqa: BLE001  any doubt about a certificate of our own means a new one
        return False
    if not subject.hosts:
        return True
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names) == {_general_name(host) for host in subject.hosts}


def _make_authority(folder: Path, name: str, moment: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"stanchion-{name}")])
    built = (
        _builder(title, title, key, moment, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _save(folder, name, built, key)


def _make(folder: Path, subject: Subject, moment: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, subject.user)]
    if subject.group:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.group))
    signer = _read(folder, subject.authority)
    uses = _BOTH_USES if subject.hosts else [ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = (
        _builder(x509.Name(parts), signer.subject, key, moment, _LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    )
    if subject.hosts:
        names = x509.SubjectAlternativeName([_general_name(host) for host in subject.hosts])
        builder = builder.add_extension(names, critical=False)
    signing_key = _read_key(folder, subject.authority)
    _save(folder, subject.file, builder.sign(signing_key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    moment: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A clock that is set back a little must not make a fresh certificate invalid.
        .not_valid_before(moment - timedelta(hours=1))
        .not_valid_after(moment + life)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str | IPv4Address) -> x509.GeneralName:
    return x509.IPAddress(host) if isinstance(host, IPv4Address) else x509.DNSName(host)


def _read(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def _read_key(folder: Path, name: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{name}.key is no elliptic-curve key")  # noqa: TRY004  read as unusable
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _save(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    write(folder / f"{name}.key", _pem(key), 0o600)
    write(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))
