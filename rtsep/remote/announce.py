"""Tells programs in the network where OSC is (DNS-SD), if zeroconf is installed and others can reach it."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from rtsep.remote.access import LOOPBACK, reachable


def announce(address: str, port: int) -> Any:
    """Begin to tell them; gives what `retract` takes, or None."""
    if address in (LOOPBACK, "::1"):
        return None
    try:
        from zeroconf import ServiceInfo, Zeroconf
    except ImportError:
        return None
    host, here = socket.gethostname().partition(".")[0], reachable(address)
    kind = "_osc._udp.local."
    info = ServiceInfo(kind, f"rtsep on {host}.{kind}", parsed_addresses=[here], port=port, server=f"{host}.local.")
    with suppress(OSError):
        found = Zeroconf(interfaces=[here])
        found.register_service(info, allow_name_change=True)
        return found
    return None


def retract(found: Any) -> None:
    """End it."""
    if found is not None:
        with suppress(OSError):
            found.close()
