"""Who gets in: the links with their keys, and which hosts and origins a request may name."""

from __future__ import annotations

import hmac
import ipaddress
import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_config_path

from rtsep.errors import RtsepError
from rtsep.files.results import atomic_write

KEY_BYTES = 12  # Random bytes of a key: 96 bits.
LOOPBACK = "127.0.0.1"  # Without --remote-bind, programs of this computer alone reach the server.


@dataclass(frozen=True)
class Keys:
    """The two keys: `full` moves controls, `guest` looks on."""

    full: str
    guest: str

    def admits(self, given: str) -> str:
        """"full", "guest" or "", without telling by its time how much of a key was right."""
        found = [name for name, key in (("full", self.full), ("guest", self.guest))
                 if hmac.compare_digest(given.encode(), key.encode())]
        return found[0] if found else ""


def keys_path() -> Path:
    """The file that keeps the keys, so that a page finds its way back after a restart."""
    return user_config_path("rtsep", appauthor=False) / "remote.json"


def load_keys(path: Path, renew: bool) -> Keys:
    """The keys of the last session; new ones at the first time, or to `renew` them. RtsepError if they cannot be written."""
    if not renew:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            keys = Keys(str(told["full"]), str(told["guest"]))
            if min(len(keys.full), len(keys.guest)) >= KEY_BYTES and keys.full != keys.guest:
                return keys
        except (OSError, ValueError, TypeError, KeyError):
            pass  # There is none yet, or it was damaged: new keys harm nobody.
    keys = Keys(secrets.token_urlsafe(KEY_BYTES), secrets.token_urlsafe(KEY_BYTES))
    before = os.umask(0o077)  # Nobody else reads it.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, (json.dumps({"full": keys.full, "guest": keys.guest}) + "\n").encode())
    except OSError as error:
        raise RtsepError(f"{path} cannot be written ({error.strerror}): it keeps the keys of the page's links") from error
    finally:
        os.umask(before)
    return keys


@dataclass(frozen=True)
class Links:
    """The addresses of the page, for the player and for guests."""

    full: str
    guest: str


def links(address: str, port: int, keys: Keys) -> Links:
    """The links to a server that listens at `address`. A key stands behind #, so that no browser sends it to anyone."""
    host = reachable(address)
    base = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    return Links(base + "#" + keys.full, base + "#" + keys.guest)


def reachable(address: str) -> str:
    """An address under which others find this computer, if it listens at all of them; nothing is sent to find it."""
    if address not in ("0.0.0.0", "::"):
        return address
    family, anywhere = (socket.AF_INET6, "2001:db8::1") if address == "::" else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((anywhere, 9))  # Chooses a network card.
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


def is_own_host(host: str) -> bool:
    """Whether a request's Host names this computer: by an address, or by its own name. A foreign name may be an attack that
    lets a browser take this server for another one (DNS rebinding)."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        own = socket.gethostname().lower()
        return name in {"localhost", own, f"{own.partition('.')[0]}.local"}
    return True


def is_own_origin(origin: str | None, host: str) -> bool:
    """Whether a websocket comes from a page of this server. Programs that are no browsers name no origin."""
    return origin is None or origin == f"http://{host}"
