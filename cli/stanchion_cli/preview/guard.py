"""What a previewed program may not touch: the network, other programs, and a person's secrets.

The guard lives in the process of the program, and in that of the policy pack, as an audit hook
that cannot be taken off again. It covers everything done through Python. Compiled code that opens
sockets by itself is beyond it; run the command in a network namespace of its own where that
matters.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping

_KEPT = (
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
    "STANCHION_STATE_DIR",  # where the bundled nodes are, so where the program looks for them
)
_STARTS_PROGRAM = frozenset(
    {
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.fork",
        "pty.spawn",
    }
)
_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKS_UP = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_WATCHED = _CONNECTS | _LOOKS_UP | _STARTS_PROGRAM
_LOCAL_NAMES = frozenset({"localhost", "ip6-localhost", "localhost.localdomain", ""})


class OfflineError(PermissionError):
    """A previewed program reached for the network or for another program."""


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a previewed program: no home, kubeconfig, credential or proxy.

    Only names known to be harmless pass, so a credential variable nobody has heard of stays out.
    The hash seed is fixed: two previews of one program are the same, byte for byte.
    """
    kept = {name: value for name, value in inherited.items() if name in _KEPT}
    kept |= {name: value for name, value in inherited.items() if name.startswith("LC_")}
    return kept | {
        "HOME": "/nonexistent",  # unset, the account's home would be looked up instead
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "GRPC_VERBOSITY": "NONE",
    }


def install() -> None:
    """Refuse sockets that leave the machine and child processes, for good in this process."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _WATCHED:  # nearly all: a program's imports alone raise 100,000 others
        return
    if event in _CONNECTS:
        address = arguments[1] if len(arguments) > 1 else None
        if address is not None and not _is_loopback(address):
            raise OfflineError(f"a preview may not use the network (tried {_shown(address)})")
    elif event in _LOOKS_UP:
        host = arguments[0]
        if host is not None and not _is_local_host(host):
            raise OfflineError(f"a preview may not look up hosts (tried {_shown(host)})")
    else:
        started = arguments[0] if arguments else event
        raise OfflineError(f"a preview may not start other programs (tried {_shown(started)})")


def _is_loopback(address: object) -> bool:
    return isinstance(address, tuple) and _is_local_host(address[0])


def _is_local_host(host: object) -> bool:
    text = (
        bytes(host).decode(errors="replace") if isinstance(host, bytes | bytearray) else str(host)
    )
    if text in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(text.split("%", 1)[0]).is_loopback
    except ValueError:
        return False


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ":".join(str(part) for part in value[:2])
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    return str(value)
