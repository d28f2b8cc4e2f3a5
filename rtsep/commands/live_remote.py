"""Options of `rtsep live` for page and OSC."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rtsep.errors import RtsepError

LOOPBACK = "127.0.0.1"
PORT, OSC_PORT = 8123, 9000  # Of the page, and of OSC, unless told otherwise.


def add_remote(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument("--remote", action=argparse.BooleanOptionalAction, default=False,
                        help="serve a web page with faders, meters and all controls, for a phone or a tablet; its link is "
                        "shown at the start, and by key i (needs pip install 'rtsep[remote]')")
    parser.add_argument("--remote-bind", default=LOOPBACK, metavar="ADDRESS",
                        help="let other devices open the page: an IP address of this computer, or 0.0.0.0 for all of them "
                        "(default: this computer alone)")
    parser.add_argument("--remote-port", type=int, default=PORT, metavar="N", help="port of the page (default: %(default)s)")
    parser.add_argument("--remote-new-links", action="store_true",
                        help="make new links to the page; nobody gets in by the old ones any more")
    parser.add_argument("--osc", type=int, nargs="?", const=OSC_PORT, metavar="PORT",
                        help=f"listen to OSC (UDP) on this port (default: {OSC_PORT}); rtsep params --osc lists the addresses")
    parser.add_argument("--osc-bind", default=LOOPBACK, metavar="ADDRESS",
                        help="let other devices send OSC, which knows no passwords: an IP address of this computer, or 0.0.0.0 "
                        "for all of them (default: this computer alone)")


def check_remote(arguments: argparse.Namespace) -> None:
    """RtsepError for what cannot be, and for what would be ignored."""
    for name, port in (("--remote-port", arguments.remote_port), ("--osc", arguments.osc)):
        if port is not None and not 1 <= port <= 65535:
            raise RtsepError(f"{name} {port}: allowed is 1 to 65535")
    for name, address in (("--remote-bind", arguments.remote_bind), ("--osc-bind", arguments.osc_bind)):
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise RtsepError(f"{name} {address}: give an IP address of this computer, such as 192.168.1.20, or 0.0.0.0 for "
                             "all of them") from error
    ignored = [name for name, is_given in (
        ("--remote-bind", arguments.remote_bind != LOOPBACK), ("--remote-port", arguments.remote_port != PORT),
        ("--remote-new-links", arguments.remote_new_links)) if is_given]
    if ignored and not arguments.remote:
        raise RtsepError(f"{ignored[0]} needs --remote")
    if arguments.check and (arguments.remote or arguments.osc is not None):
        raise RtsepError(f"--check and {'--remote' if arguments.remote else '--osc'} do not go together: --check ends after "
                         "its table; leave out one of them")
    if arguments.osc_bind != LOOPBACK and arguments.osc is None:
        raise RtsepError("--osc-bind needs --osc")


def with_remote(arguments: argparse.Namespace, make_face: Callable[[Sequence[str]], Any]) -> Any:
    """The face that `make_face` makes, with page and OSC beside it if they are asked for. It is given the page's link as lines
    of text."""
    if not arguments.remote and arguments.osc is None:
        return make_face(())
    from rtsep.remote.face import Remote, RemoteFace

    face = RemoteFace(make_face, Remote(
        (arguments.remote_bind, arguments.remote_port) if arguments.remote else None,
        None if arguments.osc is None else (arguments.osc_bind, arguments.osc), arguments.remote_new_links))
    if face.invitation:
        if sys.stderr.isatty():
            print("\n".join(face.invitation[:-1]), file=sys.stderr)
        print(f"rtsep: the page is {face.links.full}\nrtsep: guests look on at {face.links.guest}", file=sys.stderr, flush=True)
    return face
