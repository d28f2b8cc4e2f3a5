"""Another preset of the CLAP while it plays: in real time by the host's main thread, in a rendering at its very sample."""

import shutil
import subprocess
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest
from conftest import PITCHES, SMALL, assert_sums_to, band, make_preset, random_midi
from plugin_bundle import NAME, SANITIZED, Host, build_host, build_plugin, event_lines, same, turn_line

from rtsep.notes.routing import by_split
from rtsep.plugin.bundle import PluginForm, write_data
from rtsep.plugin.plan_file import hash_of

SAMPLES, AT = 40000, 15000  # Samples of the sound; AT: those before the change.
LATENCY, MEMORY, FADE = 256, 1024 + 256 + 2 * 64, 882  # Samples: of SMALL; that a new engine hears first; of the fade.
AUTOMATABLE = 1 << 5
TSAN = ("-g", "-fsanitize=thread")


def write_presets(folder):
    """Three programs: the usual one, another with other templates, and one without high notes."""
    presets = [replace(make_preset(pitches, seed=seed), defaults=SMALL)
               for pitches, seed in ((PITCHES, 1), (PITCHES, 7), (PITCHES[:2], 1))]
    write_data(PluginForm(NAME, by_split(None, 60), {f"P{number}": (each,) * 2 for number, each in enumerate(presets)}, {},
                          (44100,), split=60), folder, lambda step: None)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clap")
    build_host(folder / "host")
    build_plugin(folder / "small.clap")
    write_presets(folder / "small.rtsep")
    return folder


@pytest.fixture
def host(built, tmp_path):
    return Host(built / "host", built / "small.clap", tmp_path)


@pytest.fixture
def sound(rng):
    return band(rng, SAMPLES, channels=2)


@pytest.fixture
def events(rng):
    return random_midi(rng, 160, SAMPLES, parts=1)


def fresh(host, sound, events, program):
    """What a preset plays that comes at sample AT, with these notes."""
    later = np.where(np.arange(SAMPLES) < AT, np.float32(0), sound)
    return host.play_one(later, [turn_line(0, "program", program), *event_lines(events)], offline=1)[1]


def test_a_rendering_changes_at_the_sample(host, sound, events):
    """Whatever the blocks, bit for bit: the old preset until a window after AT, the new one from the fade's end on."""
    lines, outputs = [*event_lines(events), turn_line(AT, "program", 1)], []
    for block in (64, 441, 4096, 0):
        told, output = host.play_one(sound, lines, block=block, offline=1)
        assert told["restarts"] == 0 and told["log"] == "" and told["latencies"] == 1
        outputs.append(output)
    assert all(same(output, outputs[0]) for output in outputs[1:])
    begin = AT + MEMORY
    old = host.play_one(sound, event_lines(events))[1]
    assert np.array_equal(outputs[0][..., : begin + 1], old[..., : begin + 1])
    assert not np.array_equal(outputs[0][..., begin + 2], old[..., begin + 2])
    new = fresh(host, sound, events, 1)
    assert np.array_equal(outputs[0][..., begin + FADE :], new[..., begin + FADE :])
    assert_sums_to(outputs[0][1:], sound, LATENCY)


def test_in_real_time_the_main_thread_reads_and_the_audio_thread_allocates_nothing(host, sound, events):
    told, output = host.play_one(sound, [*event_lines(events), turn_line(AT, "program", 2)], block=256)
    assert told["calls"] == 0 and told["restarts"] == 0 and told["latencies"] == 1 and told["log"] == ""
    old = host.play_one(sound, event_lines(events))[1]
    assert np.array_equal(output[..., :AT], old[..., :AT]) and old[2, :, AT + 5000 :].any()
    assert not output[2, :, AT + 5000 :].any(), "the new preset has no high notes"
    assert_sums_to(output[1:], sound, LATENCY)
    assert told["params"][str(hash_of("program"))]["text"] == "P2"


def test_a_project_has_the_preset_that_was_chosen_last(host, sound, events, tmp_path):
    lines = [*event_lines(events), turn_line(AT, "program", 1), turn_line(AT + 100, "program", 2)]
    host.play_one(sound, lines, offline=1, save=tmp_path / "one")
    told, output = host.play_one(sound, event_lines(events), load=tmp_path / "one", again=tmp_path / "two")
    assert told["params"][str(hash_of("program"))]["text"] == "P2" and not output[2].any()
    assert (tmp_path / "two").read_bytes() == (tmp_path / "one").read_bytes()


@pytest.mark.parametrize("offline", [0, 1])
def test_resets_activations_and_instances(host, sound, events, offline):
    """Nothing of a change is left in the next rendering, nor in another instance."""
    lines = [*event_lines(events), *(turn_line(at, "program", at // 3000 % 3) for at in range(0, SAMPLES, 3000))]
    for before in ("reset", "cycles"):
        told, outputs = host.play([sound, sound[:, ::-1].copy()], lines, block=0, before=before, offline=offline)
        again = host.play([sound, sound[:, ::-1].copy()], lines, block=0, offline=offline)[1]
        assert all(same(one, other) for one, other in zip(outputs, again, strict=True))
        assert offline or told[0]["calls"] == told[1]["calls"] == 0
        assert_sums_to(outputs[0][1:], sound, LATENCY)


def test_what_hosts_are_told(host, sound):
    told = host.play_one(sound[:, :600])[0]
    assert told["release"] == version("rtsep")
    assert told["params"][str(hash_of("program"))]["flags"] & AUTOMATABLE, "all presets have one latency"


def test_a_damaged_preset_is_told_and_the_sound_goes_on(built, tmp_path, sound, events):
    shutil.copy(built / "small.clap", tmp_path / "small.clap")
    shutil.copytree(built / "small.rtsep", tmp_path / "small.rtsep")
    (tmp_path / "small.rtsep" / "1-44100.plan").write_bytes(b"RIFF" * 1000)
    host = Host(built / "host", tmp_path / "small.clap", tmp_path)
    old = host.play_one(sound, event_lines(events))[1]
    for offline in (0, 1):
        told, output = host.play_one(sound, [*event_lines(events), turn_line(AT, "program", 1)], offline=offline)
        assert same(output, old) and told["log"].count("no plan of rtsep") == 1 and told["restarts"] == 0


# --- threads ----------------------------------------------------------------------------------------------------------


def change_all_the_time(host, rng, **options):
    """Two instances, each with a main thread of its own that reads plans, frees and saves while the audio thread plays."""
    sound = band(rng, 4 * SAMPLES, channels=2)
    lines = [*event_lines(random_midi(rng, 400, 4 * SAMPLES, parts=1)),
             *(turn_line(int(at), "program", int(rng.integers(3))) for at in np.sort(rng.integers(0, 4 * SAMPLES, 200)))]
    told, outputs = host.play([sound, sound], lines, block=0, thread=1, **options)
    for output in outputs:
        assert_sums_to(output[1:], sound, LATENCY)
    assert not same(outputs[0], host.play_one(sound, lines[:400])[1])
    return told


def test_changes_by_another_thread(host, rng):
    for seed in range(5):
        told = change_all_the_time(host, rng, seed=seed, offline=seed % 2)
        assert seed % 2 or [one["calls"] for one in told] == [0, 0]
        assert [one["log"] for one in told] == ["", ""]


@pytest.mark.parametrize("options", [TSAN, SANITIZED])
def test_sanitizers_find_no_race_and_no_bad_access(built, tmp_path, rng, options):
    tried = subprocess.run(["cc", *options, "-xc", "-", "-o", tmp_path / "tried"], input=b"int main(void) { return 0; }",
                           capture_output=True)
    if tried.returncode or subprocess.run([tmp_path / "tried"]).returncode:
        pytest.skip(f"needs the sanitizers of the C compiler: {tried.stderr[:300]}")
    shutil.copytree(built / "small.rtsep", tmp_path / "small.rtsep")
    build_plugin(tmp_path / "small.clap", *options)
    build_host(tmp_path / "host", *options, "-DWITHOUT_COUNTS")
    for offline in (0, 1):
        change_all_the_time(Host(tmp_path / "host", tmp_path / "small.clap", tmp_path), rng, offline=offline)
