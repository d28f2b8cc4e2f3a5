"""Code that came compiled with rtsep: used where it fits, and only there; and code that is compiled for other computers."""

import json
import shutil

import pytest
from fresh_python import answer, start

from rtsep.cli import main
from rtsep.compiling import machine, portable, prebuilt, store, target
from rtsep.compiling.loader import LoadedCode
from rtsep.compiling.progress import listening
from rtsep.compiling.units import OBJECTS
from rtsep.errors import RtsepError

ANYBODY = ("any-processor", "")  # Needs nothing that this computer might lack.


def forget():
    """What was found out about code that came compiled, which happens once in a program."""
    prebuilt._manifest.cache_clear()
    prebuilt.usable.cache_clear()


@pytest.fixture(scope="module")
def fft():
    """The file of the smallest object, compiled for this computer."""
    machine.compile_objects("fft")
    return machine.object_file(store.code_folder(), "fft")


@pytest.fixture
def came(fft, tmp_path, monkeypatch, cache):
    """A folder with that object, as an installed wheel has it, and an empty cache."""
    prebuilt.write(tmp_path / "prebuilt", {"fft": fft}, ANYBODY)
    monkeypatch.setattr(prebuilt, "FOLDER", tmp_path / "prebuilt")
    forget()
    yield tmp_path / "prebuilt"
    monkeypatch.undo()
    forget()


def change(folder, key, value):
    """Change an entry of the manifest."""
    manifest = json.loads((folder / prebuilt.MANIFEST).read_text())
    (folder / prebuilt.MANIFEST).write_text(json.dumps({**manifest, key: value}))
    forget()


# --- what came --------------------------------------------------------------------------------------------------------


def test_it_is_used_without_compiling_and_without_a_cache(came, cache):
    told = []
    with listening(told.append):
        assert machine.missing("fft") == [] and machine.address("fft", "forward") != 0
    assert not told and not cache.exists()


def test_it_is_used_where_nothing_can_be_written_and_without_numba(came, tmp_path):
    (tmp_path / "file").write_text("")
    code = "import sys; from pathlib import Path; from rtsep.compiling import machine, prebuilt\n" \
        "prebuilt.FOLDER, machine._build = Path(sys.argv[1]), None\n" \
        "print(machine.address('fft', 'forward') != 0, 'numba' in sys.modules)"
    assert answer(start(code, came, RTSEP_CACHE_DIR=str(tmp_path / "file" / "cache"), TMPDIR=str(tmp_path))) == "True False\n"


def test_what_did_not_come_is_compiled_in_the_cache(came, cache):
    assert machine.missing("fft", "notes") == ["notes"] and list(cache.glob("code-*")) == [store.code_folder()]


@pytest.mark.parametrize("key, value, why", [
    ("sources", "0" * 64, "it is of other sources"), ("platform", "x86_64-pc-dos", "it is for x86_64-pc-dos"),
    ("features", "+many,+hands", "this processor lacks many, hands")])
def test_what_does_not_fit_is_not_used(came, key, value, why):
    change(came, key, value)
    assert prebuilt.unusable() == why and not prebuilt.usable() and machine.missing("fft") == ["fft"]


def test_code_for_a_processor_that_is_asked_for_is_compiled(came, monkeypatch):
    monkeypatch.setenv(target.NAME, ANYBODY[0])
    assert machine.missing("fft") == []
    forget()
    monkeypatch.setenv(target.NAME, "another")
    assert machine.missing("fft") == ["fft"] and prebuilt.unusable() == "NUMBA_CPU_NAME asks for another"


@pytest.mark.parametrize("name", ["fft.o", prebuilt.MANIFEST])
@pytest.mark.parametrize("damage", [
    lambda whole: b"", lambda whole: whole[:1], lambda whole: whole[:100], lambda whole: whole[:-3],
    lambda whole: bytes(len(whole))], ids=["empty", "one byte", "its beginning", "all but its end", "zeros"])
def test_what_is_damaged_is_not_used(came, name, damage):
    """LLVM would end the process."""
    (came / name).write_bytes(damage((came / name).read_bytes()))
    assert not prebuilt.usable() and machine.missing("fft") == ["fft"]


@pytest.mark.parametrize("name", ["fft.o", prebuilt.MANIFEST])
def test_what_is_gone_is_not_used(came, name):
    (came / name).unlink()
    assert not prebuilt.usable() and machine.missing("fft") == ["fft"]


@pytest.mark.parametrize("manifest", [[], {}, {"sources": 1}, {"objects": {}}, None])
def test_a_manifest_of_something_else_is_none(came, manifest):
    (came / prebuilt.MANIFEST).write_text(json.dumps(manifest))
    assert not prebuilt.usable() and prebuilt.unusable() == ""


def test_compile_says_that_all_came_compiled(came, cache, monkeypatch, capsys):
    monkeypatch.setattr(prebuilt, "usable", lambda: dict.fromkeys(OBJECTS, came))
    assert main(["compile"]) == 0
    assert capsys.readouterr().out == f"All code is compiled: it came with rtsep ({came})\n" and not cache.exists()


def test_compile_says_why_it_compiles_what_came_compiled(came, monkeypatch, capsys):
    change(came, "features", "+many")
    monkeypatch.setattr(machine, "missing", lambda *names: [])
    assert main(["compile"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == "The compiled code that came with rtsep is not used: this processor lacks many"
    assert last.startswith("All code is compiled (")


# --- for other computers ----------------------------------------------------------------------------------------------


def test_a_checkout_carries_no_code():
    assert not prebuilt.FOLDER.exists() and not prebuilt.usable() and prebuilt.unusable() == ""


def test_this_computer_lacks_nothing_that_it_has():
    had = [feature for feature in target.llvm.get_host_cpu_features().flatten().split(",") if feature.startswith("+")]
    assert target.lacking(",".join(had)) == [] and target.lacking("+many") == ["many"] and target.lacking("") == []


def test_portable_code_is_compiled_for_its_own_processor_and_kept(fft, cache, monkeypatch):
    """For the least processor of this architecture here, so that the code surely differs from this computer's."""
    plain = ("x86-64" if target.baseline()[0] == "x86-64-v3" else "generic", "")
    monkeypatch.setattr(portable, "baseline", lambda system: plain)
    told = []
    with listening(told.append):
        found = portable.portable_objects("fft")
    assert found == {"fft": store.code_folder(plain) / "fft.o"} and {one.target for one in told[:-1]} == {plain[0]}
    code = found["fft"].read_bytes()
    assert code != fft.read_bytes() and LoadedCode(code).address("forward")
    assert machine.missing("fft") == ["fft"], "for this computer there is none"
    monkeypatch.setattr(machine, "_build", None)
    assert portable.portable_objects("fft") == found


def test_portable_code_that_came_is_not_compiled(came, monkeypatch, cache):
    monkeypatch.setattr(portable, "baseline", lambda system: ANYBODY)
    assert portable.portable_objects("fft") == {"fft": came / "fft.o"} and not cache.exists()
    monkeypatch.setattr(portable, "baseline", lambda system: ("another", ""))
    monkeypatch.setattr(machine, "_build", lambda names, folder, processor: shutil.copy(came / "fft.o", folder))
    assert portable.portable_objects("fft") == {"fft": store.code_folder(("another", "")) / "fft.o"}


@pytest.mark.parametrize("system, begins", [  # ELF for machine 183, COFF for AMD64, 64-bit Mach-O for ARM
    ("linux-aarch64", b"\x7fELF\2\1\1" + bytes(9) + b"\1\0\xb7\0"), ("windows-x86_64", b"\x64\x86"),
    ("macos-aarch64", b"\xcf\xfa\xed\xfe\x0c\0\0\1")])
def test_code_for_another_system(system, begins, cache):
    """`.ci/full plugin` plays such code in emulation."""
    code = portable.portable_objects("fft", system=system)["fft"].read_bytes()
    assert code.startswith(begins) and b"rtsep_forward" in code
    assert machine.missing("fft") == ["fft"], "for this computer there is none"


def test_portable_code_needs_a_folder(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RTSEP_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(RtsepError, match="RTSEP_CACHE_DIR"):
        portable.portable_objects("fft")


def test_an_architecture_without_a_baseline_is_told(monkeypatch):
    monkeypatch.setattr(target, "platform", lambda: "riscv64-unknown-linux-gnu")
    with pytest.raises(RtsepError, match="riscv64"):
        target.baseline()


@pytest.mark.parametrize("system, told", [
    ("arm64-apple-darwin23.5.0", "arm64-apple-darwin"), ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu")])
def test_a_later_macos_is_the_same_platform(monkeypatch, system, told):
    monkeypatch.setattr(target.llvm, "get_process_triple", lambda: system)
    assert target.platform() == told and target.baseline()


@pytest.mark.parametrize("given, features", [
    ({target.NAME: "generic"}, ""), ({target.NAME: "one", target.FEATURES: "+two"}, "+two")])
def test_the_environment_names_another_processor(monkeypatch, given, features):
    here = target.processor()
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert target.processor.__wrapped__() == (given[target.NAME], features)
    monkeypatch.delenv(target.NAME)
    monkeypatch.delenv(target.FEATURES, raising=False)
    assert target.processor.__wrapped__() == here
