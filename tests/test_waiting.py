"""What a person sees while the engine is compiled, and that nothing is compiled for what cannot be done."""

import subprocess
import sys
import time

import pytest

from rtsep.cli import main
from rtsep.commands.common import CompilingShown
from rtsep.compiling import machine, progress, store
from rtsep.compiling.progress import Progress, listening
from rtsep.compiling.units import OBJECTS


def told(shown: CompilingShown, *steps: Progress) -> None:
    for step in steps:
        shown(step)


def test_where_nobody_looks_two_lines_say_what_for_and_how_long(capsys):
    told(CompilingShown(), Progress(0.0, 14.6), Progress(0.5, 7.0), Progress(1.0, 0.0))
    first, last = capsys.readouterr().err.splitlines()
    assert first == "rtsep: compiling the engine for this computer's processor, once; about 15 s ..."
    assert last.startswith("rtsep: compiled in ")


def test_it_says_that_code_cannot_be_kept(capsys):
    told(CompilingShown(), Progress(0.0, 14.6, kept=False), Progress(1.0, 0.0, kept=False))
    error = capsys.readouterr().err
    assert "at every start" in error and "RTSEP_CACHE_DIR" in error


def test_it_says_that_code_is_kept_in_a_temporary_folder(capsys):
    told(CompilingShown(), Progress(0.0, 14.6, temporary=True), Progress(1.0, 0.0))
    assert "until the temporary folder is emptied" in capsys.readouterr().err


def test_it_says_for_which_other_processor(capsys):
    told(CompilingShown(), Progress(0.0, 14.6, target="x86-64-v3"), Progress(1.0, 0.0))
    assert "compiling the engine for x86-64-v3, once" in capsys.readouterr().err


def test_it_says_once_that_another_program_compiles(capsys):
    waits = Progress(0.0, 9.0, waits=True)
    told(CompilingShown(), waits, waits, waits)
    assert capsys.readouterr().err.count("another rtsep is compiling") == 1


def test_a_second_compilation_is_told_anew(capsys):
    shown = CompilingShown()
    for _ in range(2):
        told(shown, Progress(0.0, 3.0), Progress(1.0, 0.0))
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    shown = CompilingShown()
    told(shown, Progress(0.0, 3.0), Progress(0.4, 2.0))
    assert shown._bars._progress is not None
    told(shown, Progress(1.0, 0.0))
    assert shown._bars._progress is None
    assert "compiled in" in capsys.readouterr().err


def test_who_listens_hears_it_and_who_no_longer_does_hears_nothing():
    heard = []
    with listening(heard.append):
        progress.tell(Progress(0.5, 1.0))
    progress.tell(Progress(0.6, 1.0))
    assert [one.done for one in heard] == [0.5]


@pytest.mark.parametrize("words", [
    ["render", "no.wav", "--out", "x", "--split", "H9"],
    ["render", "no.wav", "--out", "x", "--set", "mask_power=7"],
    ["render", "no.wav", "--out", "x"],
    ["live", "--split", "H9"],
    ["live", "--latency", "many"],
    ["live", "--midi-offset-ms", "-3"],
], ids=" ".join)
def test_typing_errors_are_told_before_anything_is_compiled(words, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "compile_objects", lambda *names: pytest.fail("it compiles"))
    monkeypatch.setattr(machine, "_loaded", {})
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("rtsep: error: ") and len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_typing_error_loads_no_numerics():
    """So it is answered at once: numpy alone takes as long as all the rest."""
    code = ("import sys\nfrom rtsep.cli import main\nmain(['live', '--split', 'H9'])\n"
            "print([name for name in ('numpy', 'llvmlite', 'numba', 'rich', 'matplotlib') if name in sys.modules])")
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]" and "H9" in answer.stderr


def test_a_program_whose_code_is_there_does_not_load_numba():
    machine.compile_objects("engine")
    code = ("import sys\nfrom rtsep.compiling import machine\nassert machine.address('engine', 'process')\n"
            "import rtsep.hosts.render, rtsep.hosts.live\nprint([name for name in ('numba', 'scipy') if name in sys.modules])")
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_compile_says_what_it_compiled_and_where(capsys, monkeypatch):
    monkeypatch.setattr(machine, "missing", lambda *names: ["fft"] if set(names) == set(OBJECTS) else [])
    assert main(["compile"]) == 0
    assert capsys.readouterr().out == f"Compiled: fft ({store.code_folder()})\n"
    monkeypatch.setattr(machine, "missing", lambda *names: [])
    assert main(["compile"]) == 0
    assert "All code is compiled" in capsys.readouterr().out


def test_an_estimate_becomes_better_as_it_goes(monkeypatch):
    """The usual time at first; by its own pace later."""
    monkeypatch.setattr(machine, "_processors", lambda: 1)
    work = machine._Work({"fft": 2.0}, kept=True, began=time.monotonic() - 10)
    work.done["fft"] = 0.1
    assert work.progress().left_s == 1.0, "it has taken longer than usual: about to be ready, as far as anybody knows"
    work.done["fft"] = 0.5
    assert work.progress().left_s == pytest.approx(10, abs=0.5)
    work.done["fft"] = 1.0
    assert work.progress().done < 1, "until all is written"
