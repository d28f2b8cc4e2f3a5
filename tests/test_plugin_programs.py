"""Another preset of the plug-in while it plays: the core is asked, served by another thread, and fades over."""

import shutil
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import ON, band, chord, in_blocks, make_preset, midi, with_envelopes
from plugin_core import PITCHES, RATE, Core, build, bundle_of, needs_compiler, notes_of

from rtsep.notes.routing import by_hands
from rtsep.plugin.bundle import write_data

pytestmark = needs_compiler
SERVED, SERVED_AT_START, SERVED_NOT = range(3)
LENGTH, BLOCK, AT = 50000, 512, 40 * 512  # Samples; AT: those before the change, whole blocks.
FADE = 882  # 20 ms at 44.1 kHz, in samples.
KEYS, SOFT, LOW, HIGH = (make_preset(pitches, rows=1, seed=seed)
                         for pitches, seed in ((PITCHES, 1), (PITCHES, 7), (PITCHES[:2], 1), (PITCHES[2:], 1)))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return build(tmp_path_factory.mktemp("core") / "core.so")


def wish(core, program, served=SERVED):
    """Another program is wanted, and somebody serves the wish at once."""
    core.set("program", program)
    assert core.asks() and not core.asks() and core.serve() == served and not core.asks()


@dataclass
class Bundle:
    """Plays a bundle from a fresh start, with another program from sample AT on if one is given."""

    library: object
    folder: object

    def core(self, program=0):
        core = Core(self.library, self.folder)
        core.set("program", program)
        assert core.prepare(), core.trouble
        return core

    def play(self, sound, notes, program=0, change=None, served=SERVED):
        core = self.core(program)

        def turn(begin):
            if begin == AT and change is not None:
                wish(core, change, served)

        played = core.play(sound, notes, (BLOCK,), turn)
        core.close()
        return played


def made(library, folder, presets=None, **options):
    form = bundle_of(folder, presets=presets or {"keys": KEYS, "soft": SOFT}, **options)
    return Bundle(library, folder), form


def memory_of(form):
    """Samples that an engine hears before it is heard: a window, its latency, two hops."""
    return form.params["window_samples"] + form.params["latency_samples"] + 2 * form.params["hop_samples"]


def from_here(sound):
    """The sound that an engine hears which comes at sample AT."""
    return np.where(np.arange(sound.shape[1]) < AT, np.float32(0), sound)


@pytest.mark.parametrize("options", [
    {}, {"channels": 1}, {"mode": "instant", "latency_samples": 0}, {"mode": "quality", "latency_samples": 1024},
    {"adapt": True, "presets": {"keys": with_envelopes(KEYS), "soft": with_envelopes(SOFT, 5)}},
    {"routing": by_hands(), "split": None}])
def test_another_preset_takes_over_without_a_gap(library, tmp_path, rng, options):
    """Before: the old engine, bit for bit. After the fade: one that has heard nothing but these notes and, from the change on,
    this sound, bit for bit too. The stems add up to the input, also in between."""
    bundle, form = made(library, tmp_path, **options)
    sound, notes = band(rng, LENGTH, form.channels), notes_of(rng, LENGTH)
    stems, mix = bundle.play(sound, notes, change=1)
    old, old_mix = bundle.play(sound, notes)
    new, new_mix = bundle.play(from_here(sound), notes, program=1)
    begin, late = AT + memory_of(form), form.params["latency_samples"]
    for found, before, after in ((stems, old, new), (mix, old_mix, new_mix)):
        assert np.array_equal(found[..., : begin + 1], before[..., : begin + 1])
        assert np.array_equal(found[..., begin + FADE :], after[..., begin + FADE :])
    assert not np.array_equal(stems[..., begin + 2], old[..., begin + 2])
    assert not np.array_equal(stems[..., begin + FADE - 1], new[..., begin + FADE - 1])
    np.testing.assert_allclose(stems.sum(0)[:, late:], sound[:, : LENGTH - late], atol=2e-6)
    assert np.abs(new[:2, :, begin + FADE :]).max() > 0.01


def test_the_windows_of_two_presets_may_differ(library, tmp_path, rng):
    bundle, _ = made(library, tmp_path / "bundle")
    other, form = made(library, tmp_path / "other", window_samples=2048, hop_samples=128)
    shutil.copy(other.folder / f"1-{RATE}.plan", bundle.folder)
    sound, notes = band(rng, LENGTH, 2), notes_of(rng, LENGTH)
    stems, _ = bundle.play(sound, notes, change=1)
    expected, _ = other.play(from_here(sound), notes, program=1)
    begin = AT + memory_of(form)
    assert np.array_equal(stems[..., : begin + 1], bundle.play(sound, notes)[0][..., : begin + 1])
    assert np.array_equal(stems[..., begin + FADE :], expected[..., begin + FADE :])


def test_there_is_no_click(library, tmp_path):
    """A steady tone goes from a stem to the residual. No step is larger than those of both engines and the fade's own."""
    bundle, form = made(library, tmp_path, {"keys": KEYS, "high": HIGH})
    tone = 0.4 * np.sin(2 * np.pi * 130.8 * np.arange(LENGTH) / RATE)
    sound, notes = np.stack([tone, tone]).astype(np.float32), chord(*PITCHES)
    stems, _ = bundle.play(sound, notes, change=1)
    old, _ = bundle.play(sound, notes)
    new, _ = bundle.play(from_here(sound), notes, program=1)
    during = slice(AT, AT + memory_of(form) + FADE + 1000)
    faded = slice(AT + memory_of(form), during.stop)
    steps = [np.abs(np.diff(each[..., during])).max() for each in (stems, old, new[..., memory_of(form) :])]
    apart = np.abs(old - new)[..., faded].max()
    assert steps[0] <= max(steps[1:]) + apart / FADE + 1e-6
    assert apart > 10 * max(steps[1:]), "without a fade it would be heard"


def test_keys_that_are_down_are_told(library, tmp_path, rng):
    """Also one that only the new preset plays: it begins with the change. Pedals count, too."""
    bundle, _ = made(library, tmp_path, {"low": LOW, "keys": KEYS})
    sound = band(rng, LENGTH, 2)
    held = [(0, ON, 72, 90), (0, ON, 48, 80), (900, 0xB0, 64, 127), (900, 0xB1, 66, 127), (1000, ON, 55, 70),
            (2000, 0x80, 55, 0)]
    end = [(AT + 500, ON | 1, 64, 90), (AT + 900, 0xB1, 66, 100), (AT + 1500, 0x81, 64, 0),  # Sostenuto does not hold it.
           (AT + 3000, 0x80, 48, 0), (AT + 9000, 0x80, 72, 0), (AT + 9000, 0xB0, 64, 0)]
    stems, _ = bundle.play(sound, midi(*held, *end), change=1)
    expected, _ = bundle.play(from_here(sound), midi(*held[1:], (AT, ON, 72, 90), *end), program=1)
    assert np.array_equal(stems[..., AT + 4000 :], expected[..., AT + 4000 :])
    assert not stems[1, :, :AT].any() and np.abs(stems[1, :, AT + 4000 : AT + 9000]).max() > 0.01
    assert not stems[1, :, AT + 15000 :].any()


def test_a_preset_that_cannot_be_read_leaves_the_one_that_plays(library, tmp_path, rng):
    bundle, form = made(library, tmp_path)
    sound, notes = band(rng, LENGTH, 2), notes_of(rng, LENGTH)
    expected, _ = bundle.play(sound, notes)
    plan = tmp_path / f"1-{RATE}.plan"
    plan.write_bytes(plan.read_bytes()[:-5])
    assert np.array_equal(bundle.play(sound, notes, change=1, served=SERVED_NOT)[0], expected)
    core = bundle.core()
    wish(core, 1, SERVED_NOT)
    assert "cut off" in core.trouble
    write_data(form, tmp_path, lambda text: None)
    wish(core, 0)  # It plays already.
    wish(core, 1)
    core.reset()
    assert np.array_equal(core.play(sound, notes)[0], bundle.play(sound, notes, program=1)[0])
    core.close()


def test_another_latency_waits_for_the_next_start(library, tmp_path, rng):
    bundle, _ = made(library, tmp_path / "bundle")
    other, _ = made(library, tmp_path / "other", mode="instant", latency_samples=0)
    shutil.copy(other.folder / f"1-{RATE}.plan", bundle.folder)
    sound, notes = band(rng, LENGTH, 2), notes_of(rng, LENGTH)
    expected, _ = bundle.play(sound, notes)
    assert np.array_equal(bundle.play(sound, notes, change=1, served=SERVED_AT_START)[0], expected)
    core = bundle.core()
    wish(core, 1, SERVED_AT_START)
    assert core.latency == 256 and core.prepare() and core.latency == 0
    assert np.array_equal(core.play(sound, notes)[0], other.play(sound, notes, program=1)[0])
    core.close()


def test_what_a_project_brought_counts_for_its_preset(library, tmp_path, rng):
    """What the other one learnt is dropped; what is saved belongs to the preset that plays."""
    bundle, _ = made(library, tmp_path, adapt=True)
    sound, notes = band(rng, LENGTH, 2), notes_of(rng, LENGTH)
    teacher = bundle.core(program=1)
    teacher.play(sound, notes)
    project = teacher.save()
    core, direct = bundle.core(), bundle.core(program=1)
    assert direct.load(project) and core.load(project)
    core.set("program", 0)
    direct.reset()
    core.reset()
    expected, _ = direct.play(from_here(sound), notes)

    def turn(begin):
        if begin == AT:
            wish(core, 1)

    assert np.array_equal(core.play(sound, notes, (BLOCK,), turn)[0][..., AT + 4000 :], expected[..., AT + 4000 :])
    assert core.save() == direct.save() != project
    for each in (teacher, core, direct):
        each.close()


def test_a_project_that_is_restored_while_it_plays(library, tmp_path, rng):
    """As LV2 hosts do: what it brought is saved until its preset plays, and then what that has learnt."""
    bundle, _ = made(library, tmp_path)
    sound, notes, teacher, core = band(rng, LENGTH, 2), notes_of(rng, LENGTH), bundle.core(program=1), bundle.core()
    teacher.play(sound, notes)
    project = teacher.save()
    assert core.load(project)
    core.reset()
    core.play(sound[:, :5000], notes[:0])
    assert core.get("program") == 1 and core.save() == project
    assert core.asks() and core.serve() == SERVED
    core.play(sound[:, :5000], notes[:0])
    assert core.save() != project
    core.reset()
    assert core.save() == project
    core.close()
    teacher.close()


def test_the_last_wish_wins(library, tmp_path, rng):
    """Wishes come faster than they can be served: those that nobody has taken are withdrawn."""
    bundle, form = made(library, tmp_path, {"keys": KEYS, "soft": SOFT, "low": LOW})
    sound, notes, core = band(rng, LENGTH, 2), notes_of(rng, LENGTH), bundle.core()
    (tmp_path / f"0-{RATE}.plan").unlink()  # It need not be read: it plays.
    for program in (1, 2, 0):  # All before a block is played: nothing changes.
        wish(core, program)
    write_data(form, tmp_path, lambda text: None)
    assert np.array_equal(core.play(sound, notes)[0], bundle.play(sound, notes)[0])
    core.reset()
    wishes = {AT: 1, AT + BLOCK: 0, AT + 2 * BLOCK: 2}  # The first is taken; the second is not, before the third comes.

    def turn(begin):
        if begin in wishes:
            core.set("program", wishes[begin])
        if core.asks():
            assert core.serve() == SERVED

    stems, _ = core.play(sound, notes, (BLOCK,), turn)
    assert not stems[1, :, AT + 6000 :].any()  # The last preset has no high notes.
    np.testing.assert_allclose(stems.sum(0)[:, 256:], sound[:, :-256], atol=2e-6)
    core.close()


@pytest.mark.parametrize("seed", range(4))
def test_changes_at_random(library, tmp_path, seed):
    """Blocks of any size, wishes, service that comes late or twice, saving, resets and new starts, in any order."""
    rng = np.random.default_rng(seed)
    bundle, _ = made(library, tmp_path, {"keys": KEYS, "soft": SOFT, "low": LOW})
    sound, notes, core, begins = band(rng, 4 * LENGTH, 2), notes_of(rng, 4 * LENGTH), bundle.core(), [0]

    def turn(begin):
        if rng.random() < 0.4:
            core.set("program", int(rng.integers(3)))
        if rng.random() < 0.5:
            core.asks()
        if rng.random() < 0.4:
            assert core.serve() == SERVED
        if rng.random() < 0.1:
            assert core.save().startswith(b"rtsep-state 1\n")
        if (what := rng.random()) < 0.06:
            assert core.prepare() if what < 0.02 else core.reset() is None
            begins.append(begin)

    sizes = tuple(np.where(rng.random(300) < 0.5, rng.integers(1, 300, 300), rng.integers(1, 4097, 300)).tolist())
    stems, mix = core.play(sound, notes, sizes, turn)
    for begin, end in zip(begins, [*begins[1:], sound.shape[1]], strict=True):
        if end > begin + 256:
            np.testing.assert_allclose(stems[..., begin + 256 : end].sum(0), sound[:, begin : end - 256], atol=2e-6)
    assert np.isfinite(mix).all() and len(begins) > 2
    last = int(core.get("program"))
    for _ in range(3):  # The change that is under way, that to the last wish, and what has played is freed.
        assert core.serve() == SERVED
        core.play(sound[:, :8000], notes[:0])
    core.reset()
    assert np.array_equal(core.play(sound, notes)[0], bundle.play(sound, notes, program=last)[0])
    core.close()


def test_keys_stay_down_over_two_changes_and_over_no_reset(library, tmp_path, rng):
    bundle, _ = made(library, tmp_path, {"low": LOW, "soft low": make_preset(PITCHES[:2], rows=1, seed=7), "keys": KEYS})
    sound, key = band(rng, LENGTH, 2), chord(72)
    for resets in (False, True):
        core = bundle.core()
        for program, notes in ((1, key), (2, key[:0])):
            core.play(sound[:, :5000], notes)
            if resets:
                core.reset()
            wish(core, program)
        stems, _ = core.play(sound, key[:0])
        assert core.asks() and core.serve() == SERVED and stems[1].any() == (not resets)
        core.close()


def test_blocks_without_sound(library, tmp_path, rng):
    """Notes of an empty block belong to the next, also to the engine that comes with it."""
    bundle, _ = made(library, tmp_path)
    sound, notes, core = band(rng, LENGTH, 2), chord(*PITCHES, at=AT), bundle.core()
    stems = np.zeros((3, 2, LENGTH), np.float32)
    for begin, end in in_blocks(LENGTH, (BLOCK,)):
        if begin == AT:
            wish(core, 1)
            core.notes(notes, AT)
            core.play(sound[:, :0], notes[:0])
        stems[..., begin:end], _ = core.play(sound[:, begin:end], notes[:0])
    expected, _ = bundle.play(from_here(sound), notes, program=1)
    assert np.array_equal(stems[..., AT + 4000 :], expected[..., AT + 4000 :]) and expected[0].any()
    core.close()
