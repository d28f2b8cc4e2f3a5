"""Set-ups as files: what may be in them, mistakes with their lines, names, options that overrule, and writing."""

import importlib
import json
import sys

import pytest

from rtsep.cli import _build_parser
from rtsep.commands.live_setup import renames_stems, scenes_of, with_setup
from rtsep.errors import RtsepError
from rtsep.hosts.setup_reading import read_setup
from rtsep.hosts.setups import Settings, find_setup, setup_path
from rtsep.hosts.toml_text import line_of, to_toml

toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
FULL = """
input = "Scarlett 2i2"
rate = 48000
midi = ["roland", "nord"]
by = "split"
split = "C4"
channels = [1, 3]
route = "residual=3-4"
take = "tonight"
mute = "high"

[gains]
low = -6

[parameters]
mode = "live"
bypass = true

[controls]
"gain_db.low" = [1, 7]

[[scene]]
name = "Intro"
preset = ["piano@low", "cello@high"]

[[scene]]
program = 12
gains = {low = 0}
solo = ["low"]
"""


@pytest.fixture
def written(tmp_path):
    """A function that writes a set-up, and gives its name as typed."""
    def write(text):
        (tmp_path / "show.toml").write_text(text, encoding="utf-8")
        return str(tmp_path / "show.toml")

    return write


def test_all_that_a_file_says_is_read(written, tmp_path):
    setup = read_setup(written(FULL))
    assert setup.options == {
        "input": "Scarlett 2i2", "rate": 48000.0, "midi": ("roland", "nord"), "by": "split", "split": "C4", "channels": "1,3",
        "route": ("residual=3-4",), "take": tmp_path / "tonight"}
    assert setup.base == Settings("", None, (), {"mode": "live", "bypass": True}, {"low": -6.0}, ("high",), ())
    assert setup.knobs == {(0, 7): "gain_db.low"}
    intro, second = scenes_of(setup, (), {})
    assert intro.presets == ("piano@low", "cello@high") and intro.gains == {"low": -6.0} and intro.muted == ("high",)
    assert (second.name, second.program, second.gains, second.soloed) == ("2", 12, {"low": 0.0}, ("low",))
    assert second.params == {"mode": "live", "bypass": True}


@pytest.mark.parametrize("line, sentence", [
    ("inptu = 'x'", "line 2: no entry is called 'inptu' (did you mean 'input'?)"),
    ("rate = 'fast'", "line 2: rate = 'fast': give a number"),
    ("inputs = true", "line 2: inputs = True: give a whole number"),
    ("jack = 1", "line 2: jack = 1: give true or false"),
    ("by = 'hand'", "line 2: by = 'hand': give one of port, channel"),
    ("midi = ['a', 3]", "line 2: midi = ['a', 3]: give a text"),
    ("preset = 'paino'", "line 2: preset = ('paino',): no preset is called 'paino'"),
    ("preset = './gone.npz'", "there is no file"),
    ("gains = 3", "line 2: gains = 3: give a table"),
    ("[gains]\nlow = 99", "line 3: low = 99: gain_db = 99.0: allowed is -120 to 24 dB"),
    ("[parameters]\n\nmask_powr = 2", "line 4: mask_powr = 2: no parameter is called 'mask_powr'"),
    ("[parameters]\nmask_power = 9", "line 3: mask_power = 9: mask_power = 9: allowed is 0.5 to 4"),
    ("[controls]\n'gain_db.low' = [17, 3]", "line 3: gain_db.low = [17, 3]: give channel"),
    ("[[scene]]\nname = 'a'\n[[scene]]\nprogram = 0", "line 5: program = 0: give a program from 1 to 128"),
    ("[[scene]]\nname = 'a'\n[[scene]]\n[scene.gains]\nlow = 'x'", "line 6: low = 'x': give a number"),
    ("[[scene]]\ninput = 'x'", "line 3: no entry is called 'input'"),
    ("[scene]\nname = 'x'", "line 2: write [[scene]] above each scene"),
    ("input = ", "(at line 2, column 9)"),
])
def test_a_mistake_is_told_with_its_line(written, line, sentence):
    with pytest.raises(RtsepError) as raised:
        read_setup(written(f"# mistakes\n{line}\n"))
    assert sentence in str(raised.value) and "show.toml" in str(raised.value), raised.value


def test_what_is_no_text_is_told(written, tmp_path):
    name = written("")
    (tmp_path / "show.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RtsepError, match=r"show.toml cannot be read as a set-up"):
        read_setup(name)


def test_names_are_looked_for_in_both_folders(written, tmp_path, monkeypatch):
    monkeypatch.setattr("rtsep.hosts.setups.setups_folder", lambda: tmp_path / "own")
    written("by = 'all'")
    monkeypatch.chdir(tmp_path)
    assert find_setup("show").samefile("show.toml") and find_setup("show.toml").samefile("show.toml")
    with pytest.raises(RtsepError, match=r"no set-up is called 'shwo' \(did you mean 'show'\?\)"):
        find_setup("shwo")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "show.toml").write_text("by = 'all'")
    assert find_setup("show") == setup_path("show") == tmp_path / "own" / "show.toml", "the user's own comes first"


def options(words, setup):
    parser = _build_parser()
    given = parser.parse_args(["live", *words])
    given.words = ["live", *words]
    live = parser._subparsers._group_actions[0].choices["live"]
    return with_setup(live, given, setup)


def test_options_overrule_a_set_up(written):
    setup = read_setup(written(FULL))
    told = options(["show"], setup)
    assert (told.input, told.rate, told.midi, told.by, told.split, told.channels, told.route) == (
        "Scarlett 2i2", 48000.0, ["roland", "nord"], "split", "C4", "1,3", ["residual=3-4"])
    assert not renames_stems(told, setup)
    told = options(["show", "--input", "usual", "--midi", "yamaha", "--by", "port"], setup)
    assert (told.input, told.rate, told.midi, told.by, told.split) == ("usual", 48000.0, ["yamaha"], "port", None)
    assert renames_stems(told, setup)
    told = options(["show", "--jack"], setup)
    assert (told.jack, told.input, told.rate, told.route, told.by) == (True, None, 0.0, [], "split")
    told = options(["show", "--no-jack"], read_setup(written("jack = true\npre_fader = true")))
    assert (told.jack, told.pre_fader) == (False, True)
    played = read_setup(written('midi = "roland"\nscore = "fugue.mid"\ntake = "tonight"\n'))
    assert options(["show", "--by", "split"], played).score is not None  # which is refused
    told = options(["show", "--by", "split", "--score", "", "--take", ""], played)
    assert (told.by, told.score, told.take) == ("split", None, None) and renames_stems(told, played)
    scenes = scenes_of(setup, ["violin"], {"mask_power": "1.5", "gain_db.low": "-9"})
    assert {scene.presets for scene in scenes} == {("violin",)} and {scene.gains["low"] for scene in scenes} == {-9.0}
    assert {scene.params["mask_power"] for scene in scenes} == {1.5}


def test_what_an_option_says_wrongly_is_told_with_the_file_s_line(written):
    setup = read_setup(written(FULL))
    for text, line in (("--input x: no input device", 2), ("gain_db.low: nothing is called low", 13), ("mute: nothing", 10),
                       ("mode = fast: allowed", 16), ("--route residual=3-4: the device", 8)):
        with pytest.raises(RtsepError, match=rf"show\.toml, line {line}: {text}"), setup.telling_where():
            raise RtsepError(text)
    with pytest.raises(RtsepError, match=r"^--output x"), setup.telling_where():
        raise RtsepError("--output x: not in the file")


def test_what_is_written_reads_back_as_the_same():
    table = {"text": 'a "b" \\ \n \t é 🎹 \x7f \x01', "number": -0.1, "whole": 3, "yes": True, "list": ["a", "b"], "empty": [],
             "odd key.é": 1, "inner": {"gain.db": -120.0, "deeper": {"x": 1}},
             "scene": [{"name": "1", "gains": {"a b": 1e-7}}, {"name": "2"}]}
    text = to_toml(table)
    assert toml.loads(text) == json.loads(json.dumps(table))
    assert text.splitlines()[line_of(text, ("scene", 1, "name")) - 1] == 'name = "2"'
    assert text.splitlines()[line_of(text, ("inner", "gain.db")) - 1] == '"gain.db" = -120.0'
