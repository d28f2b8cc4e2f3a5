"""Studies of other versions: changed constants, the process that separates, and the tables of results."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtsep.compiling.store import cache_base
from rtsep.errors import RtsepError

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from laboratory import conditions, grid, pieces, ready, songs, systems, versions, without  # noqa: E402
from laboratory.studies import ablation, examples, unheard  # noqa: E402
from laboratory.study import Given  # noqa: E402

SOURCE = '''"""A stage."""
WEIGHT = 0.5  # Of what is seen: ä.
LEAST, MOST = 0.1, 3.0  # Between these.
PAIRS = ((1, 2),
         (3, 4))
def step(): WEIGHT = 3
'''


@pytest.fixture(scope="module")
def clip():
    """Four seconds of the bundled clip, in which both hands play."""
    return pieces.excerpt(pieces.load_piece(pieces.DEMO, "demo"), 4.0)


# --- constants --------------------------------------------------------------------------------------------------------


def test_a_constant_gets_another_value_and_all_else_stays():
    assert versions.edited(SOURCE, "WEIGHT", "0.0") == SOURCE.replace("0.5  #", "0.0  #")
    assert versions.edited(SOURCE, "MOST", "1.0") == SOURCE.replace("3.0  #", "1.0  #")
    assert versions.edited(SOURCE, "PAIRS", "()") == SOURCE.replace("((1, 2),\n         (3, 4))", "()")


@pytest.mark.parametrize("name", ["NOTHING", "TWICE", "step"])
def test_a_constant_that_is_not_set_once_is_refused(name):
    with pytest.raises(RtsepError, match=f"{name} is set"):
        versions.edited(SOURCE + "TWICE = 1\nTWICE = 2\n", name, "0")


@pytest.mark.parametrize("mechanism", ablation.MECHANISMS, ids=lambda mechanism: mechanism.name)
def test_every_mechanism_can_be_switched_off(mechanism, clip):
    way, _, params = systems.meant(clip, mechanism.setting)
    assert not way and bool(params or mechanism.edits) == (mechanism.name != ablation.WHOLE)
    for module, constant, value in mechanism.edits:
        text = (ROOT / "rtsep" / module).read_text(encoding="utf-8")
        assert versions.edited(text, constant, value) != text


# --- processes --------------------------------------------------------------------------------------------------------


def test_a_process_separates_as_this_one_does_and_says_what_it_cannot(clip, tmp_path, capfd):
    with versions.Version(versions.copied(tmp_path / "copy"), cache_base()) as version:
        found = version.separate(clip, systems.params_of(systems.LIVE))
        wanted = systems.separate(clip, systems.LIVE)
        assert list(found) == list(wanted) and all(np.array_equal(found[stem], wanted[stem]) for stem in wanted)
        by_program = version.separate(clip, systems.params_of(systems.LIVE), [0, 40])
        assert not np.array_equal(by_program["right_hand"], found["right_hand"])
        with pytest.raises(RtsepError, match="cannot separate demo"):
            version.separate(clip, {"no_such_parameter": 1})
    assert "no_such_parameter" in capfd.readouterr().err


def test_what_a_process_starts_finds_its_packages_too(clip, tmp_path, monkeypatch):
    """The compiler is started with -m, which looks first in its working folder."""
    (tmp_path / "worker.py").write_text(
        "import pickle, subprocess, sys\npickle.load(sys.stdin.buffer)\n"
        "found = subprocess.check_output([sys.executable, '-c', 'import rtsep; print(rtsep.__file__)'], text=True)\n"
        "pickle.dump(found.strip(), sys.stdout.buffer)\n")
    monkeypatch.setattr(versions, "WORKER", tmp_path / "worker.py")
    with versions.Version(versions.copied(tmp_path / "copy"), tmp_path) as version:
        assert Path(version.separate(clip, {})) == tmp_path / "copy" / "rtsep" / "__init__.py"


def test_a_copy_has_other_constants_and_the_checkouts_presets(tmp_path):
    folder = versions.copied(tmp_path / "copy", [("stages/expectation.py", "CAUTION", "0.0")])
    before, after = ((each / "rtsep" / "stages" / "expectation.py").read_text(encoding="utf-8") for each in (ROOT, folder))
    assert before != after and "CAUTION = 0.0" in after
    assert (folder / "rtsep_presets" / "piano.npz").samefile(ROOT / "presets" / "piano.npz")
    with pytest.raises(RtsepError, match=r"rtsep/stages/gate\.py: NOTHING is set 0 times"):
        versions.copied(tmp_path / "copy", [("stages/gate.py", "NOTHING", "0")])


# --- what is played ---------------------------------------------------------------------------------------------------


def test_presets_of_a_maker_are_those_built_without_its_collection(tmp_path, monkeypatch):
    stem = songs.Stem(songs.VIOLIN, "tonejs-violin", (0,))
    monkeypatch.setattr(without, "BUILD", tmp_path)
    folder = tmp_path / "presets-without-tonejs"
    for cached in (ready.usable, ready.preset_for):
        cached.cache_clear()
    assert ready.preset_for(stem).name == "violin" and ready.usable(stem.maker)["violin"].parent != folder
    folder.mkdir()
    (folder / "violin.npz").write_bytes((ROOT / "presets" / "flute.npz").read_bytes())
    for cached in (ready.usable, ready.preset_for):
        cached.cache_clear()
    assert ready.usable("tonejs-violin")["violin"].parent == folder
    for cached in (ready.usable, ready.preset_for):
        cached.cache_clear()


def test_both_hands_are_one_part_and_other_stems_get_presets_too(clip):
    whole = ready.one_part(clip)
    assert list(whole.truths) == ["piano"] and np.allclose(whole.mix, clip.mix, atol=1e-6)
    assert systems.routing_of(whole).names == ("piano",) and len(whole.score.notes()) == len(clip.score.notes())
    added = ready.with_presets(conditions.wrong_stem)(replace(whole, preset=[systems.preset_named("gm-piano")]))
    assert [preset.name for preset in added.preset] == ["gm-piano", "piano"]
    assert systems.routing_of(added).names == ("piano", conditions.WRONG)


def test_tracks_that_are_left_keep_their_programs(clip):
    second = clip.score.track_names[1]
    score = replace(clip.score, programs={(0, 0): 7, (1, 1): 40}, ports=(3, 5))
    kept = pieces.only_tracks(score, [second])
    assert kept.programs == {(0, 1): 40} and kept.ports == (5,) and kept.track_names == (second,)


def test_one_stem_of_a_song_is_told_and_the_others_are_the_residual(clip):
    song = next(song for song in songs.SONGS if len(song.stems) == 2)
    piece = replace(clip, name=f"{song.name}{ready.AGAIN}2")
    told = ready.one_told(piece)
    first, second = clip.truths
    assert list(told.truths) == [first, "residual"] and np.array_equal(told.truths["residual"], clip.truths[second])
    assert len(told.score.track_names) == len(told.preset) == 1 and np.allclose(told.mix, clip.mix, atol=1e-6)


# --- tables -----------------------------------------------------------------------------------------------------------


def test_stems_stand_beside_the_oracle_and_weak_ones_are_named():
    figures = {("reel", "oboe"): (3.0, 9.0), ("reel", "bass"): (3.0, 7.0), ("aloha", "flute"): (5.0, 8.0)}
    rows = [{"set": "unheard", "piece": piece, "stem": stem, "settings": way, "sdr_db": db}
            for (piece, stem), both in figures.items() for way, db in zip(unheard.WAYS, both, strict=True)]
    lines = unheard.against_oracle(rows, ["piece", "stem"])
    assert lines[0] == ["reel", "oboe", "3.0", "9.0", "-6.0"] and len(lines) == 3
    assert unheard.weak(rows) == "Stems below 4 dB where the oracle mask has 8 dB: 1 of 2 (reel oboe)."


@pytest.fixture
def given(clip, monkeypatch):
    """The studies' pieces are the clip, under the name of a song, and its piano. Estimates are too soft by a tenth."""
    song = next(song for song in songs.SONGS if len(song.stems) == 2)
    duet = replace(clip, name=song.name, preset=[systems.preset_named("piano")] * 2)
    piano = replace(ready.one_part(clip), name="clip, old_fb")
    monkeypatch.setattr(grid, "separate", lambda piece, _: {stem: 0.9 * sound for stem, sound in piece.truths.items()})
    monkeypatch.setattr(unheard, "songs", lambda given, role, seeds: [duet])
    monkeypatch.setattr(unheard, "pianos", lambda given, role, beside="": [piano])
    monkeypatch.setattr(unheard, "bands", lambda given, preset, called: [replace(piano, group=called)])
    monkeypatch.setattr(unheard, "room_conditions", lambda: [conditions.Condition("room", conditions.quiet)])
    return Given(own={"role": songs.REPORTING, "seeds": 1})


def test_studies_have_a_line_for_everything_that_they_play(given):
    tables = {table.name: table.text.splitlines() for run in (
        unheard.unheard, unheard.unheard_rooms, unheard.unheard_notes, unheard.unheard_company) for table in run(given)}
    assert {name: len(lines) for name, lines in tables.items()} == {
        "unheard": 7, "unheard-rooms": 4, "unheard-notes": 16, "unheard-company": 8, "unheard-company-pianos": 5}
    assert tables["unheard"][4].startswith("| **mean** |") and tables["unheard-rooms"][2].endswith("| 0.0 | 0.0 |")
    assert [table.name for table in unheard.unheard_rooms(replace(given, own={"role": songs.TUNING, "seeds": 1}))] == [
        "unheard-rooms-tuning"]


def test_hardships_of_notes_are_told_once_each():
    names = [condition.name for condition in unheard.note_hardships()]
    assert len(names) == len(set(names)) == 14 and names[0] == "as played" and names[5] == "all notes 10 ms late"


def test_an_ablation_compares_each_mechanism_with_the_whole_engine(clip, monkeypatch):
    class Engine:
        def __init__(self, folder, cache):
            self.loud = {"the_whole_engine": 0.9}.get(folder.name, 0.8)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def separate(self, piece, params):
            return {stem: np.float32(self.loud) * sound for stem, sound in piece.truths.items()}

    monkeypatch.setattr(ablation, "Version", Engine)
    monkeypatch.setattr(ablation, "copied", lambda folder, edits: folder)
    mechanisms = ablation.chosen(["no background"])
    found = list(ablation.run(Given(), mechanisms, [("clip", lambda: clip), ("again", lambda: clip)], 2))
    text = ablation.ablation_table(found).splitlines()
    assert text[0] == "| SDR in dB | clip | again |" and len(found) == 8
    assert text[2:] == ["| the whole engine | 20.00 | 20.00 |", "| no background | 13.98 (-6.02) | 13.98 (-6.02) |"]
    with pytest.raises(RtsepError, match="no mechanism is called none"):
        ablation.chosen(["none"])


def test_examples_are_written_beside_a_page_that_lists_them(clip, tmp_path):
    halves = {stem: sound / 2 for stem, sound in clip.truths.items()}
    rows = examples.write_example(tmp_path, "all told", clip, {"before": halves, "after": dict(clip.truths)})
    text = examples.index(rows, ["before", "after"])
    assert len(rows) == 2 and len(list(tmp_path.glob("*.flac"))) == 7
    assert "[before](all_told_demo-left_hand-before.flac) 6.0" in text and (tmp_path / rows[0]["mix"]).exists()
