"""Reaches for what a preview may not touch, in the way the configuration says."""

import os
import socket
import subprocess
import urllib.request

import pulumi

how = pulumi.Config().require("how")
if how == "connect":
    socket.create_connection(("192.0.2.1", 80), timeout=2)
elif how == "resolve":
    urllib.request.urlopen("http://example.org/")
elif how == "datagram":
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))
elif how == "unix":
    socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")
elif how == "subprocess":
    subprocess.run(["id"], check=True)
elif how == "system":
    os.system("id")
elif how == "stream":
    socket.socket().connect(("192.0.2.1", 80))
elif how == "loopback":
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
