"""Code in a fresh Python: what must not depend on what this process has loaded, and what must end it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from rtsep.compiling import machine
from rtsep.compiling.units import OBJECTS


def compile_all():
    """Compile what programs need, before a program starts that is given a minute."""
    machine.compile_objects(*OBJECTS)


def start(code, *arguments, **environment):
    """A process that runs `code`, its output readable line by line."""
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path, **environment})


def answer(process):
    """What it printed."""
    told, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    return told


def run(code, environment=None, *arguments, options=(), timeout=120):
    """What `code` printed; the environment is all that it gets, or this process's."""
    done = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(code), *map(str, arguments)], env=environment,
                          capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout
