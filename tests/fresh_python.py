"""Runs code in a new Python process: for tests that must not depend on loaded modules, or that end the process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from rtsep.compiling import machine
from rtsep.compiling.units import OBJECTS


def compile_all():
    """Compile the engine first, so that a program that has one minute to start finds it compiled."""
    machine.compile_objects(*OBJECTS)


def start(code, *arguments, **environment):
    """A process that runs `code`; its output can be read line by line."""
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path, **environment})


def answer(process):
    """What the process printed."""
    told, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    return told


def run(code, environment=None, *arguments, options=(), timeout=120):
    """What `code` printed. It runs in the given environment alone, or else in that of this process."""
    done = subprocess.run([sys.executable, *options, "-c", textwrap.dedent(code), *map(str, arguments)], env=environment,
                          capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout
