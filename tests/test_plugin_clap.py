"""The CLAP plug-in in the tests' own host: it plays what the separator plays, bit for bit, whatever the host does."""

import os
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from conftest import CONTROL, INSTANT, OFF, ON, SMALL, assert_sums_to, band, in_blocks, midi, random_midi
from plugin_bundle import (
    NAME,
    SANITIZED,
    Host,
    build_host,
    build_plugin,
    event_lines,
    expected,
    same,
    separator,
    turn_line,
    write_bundle,
)

from rtsep.plugin.plan_file import HEADER, hash_of

SAMPLES = 30000
STEPPED, BYPASS, AUTOMATABLE, REQUIRES_PROCESS, ENUM = 1, 1 << 4, 1 << 5, 1 << 15, 1 << 16


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The host, and a folder with the plug-in."""
    folder = tmp_path_factory.mktemp("clap")
    build_host(folder / "host")
    build_plugin(folder / "small.clap")
    write_bundle(folder / "small.rtsep", [SMALL, INSTANT])
    return folder


@pytest.fixture
def host(built, tmp_path):
    return Host(built / "host", built / "small.clap", tmp_path)


@pytest.fixture
def sound(rng):
    return band(rng, SAMPLES, channels=2)


@pytest.fixture
def events(rng):
    return random_midi(rng, 120, SAMPLES, parts=1)


# --- what is played ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 64, 441, 4096, 0])
def test_stems_and_mix_are_the_separators_in_blocks_of_any_size(host, sound, events, block):
    told, outputs = host.play_one(sound, event_lines(events), block=block)
    assert same(outputs, expected(sound, events)) and np.abs(outputs[1]).max() > 0.01
    assert told["latency"] == 256 and told["latencies"] == 1 and told["log"] == "" and told["calls"] == 0


def test_other_rates_programs_and_notes_in_claps_own_form(host, sound, events):
    lines = event_lines(events, notes=True)
    assert same(host.play_one(sound, lines, rate=48000, seed=3, block=0)[1], expected(sound, events, rate=48000))


def test_mono(built, tmp_path, sound, events):
    shutil.copy(built / "small.clap", tmp_path / "mono.clap")
    write_bundle(tmp_path / "mono.rtsep", rates=(44100,), channels=1)
    told, outputs = Host(built / "host", tmp_path / "mono.clap", tmp_path).play_one(sound[:1], event_lines(events))
    assert same(outputs, expected(sound[:1], events)) and {port[2] for port in told["outputs"]} == {1}


@pytest.mark.parametrize("kind, controller", [("off", 123), ("choke", 120)])
def test_all_keys_of_all_channels_are_released(host, sound, kind, controller):
    pedal = ((0, ON, 60, 90), (0, ON | 3, 48, 90), (500, CONTROL, 64, 127))  # Released keys sound on, but choked keys do not.
    keys = midi(*pedal, (9000, CONTROL, 7, 1))
    released = midi(*pedal, *((9000, CONTROL | channel, controller, 0) for channel in range(16)))
    outputs = host.play_one(sound, [*event_lines(keys), (9000, kind, -1, -1, 0)])[1]
    assert same(outputs, expected(sound, released)) and not same(outputs, expected(sound, keys))


def test_one_key_of_all_channels_is_released(host, sound):
    released = midi((0, ON, 60, 90), (0, ON | 3, 48, 90), *((9000, OFF | channel, 48, 0) for channel in range(16)))
    lines = [(0, "on", 0, 60, repr(90 / 127)), (0, "on", 3, 48, repr(90 / 127)), (9000, "off", -1, 48, 0)]
    assert same(host.play_one(sound, [*lines, (9001, "on", 0, -1, 1), (9001, "off", 0, 200, 1)])[1], expected(sound, released))


# --- knobs ------------------------------------------------------------------------------------------------------------


def test_knobs_turn_at_their_sample(host, sound, events):
    turns = [(5001, "gain_low", "gain_db.low", -20.0), (9000, "wet", "wet", 0.25), (9000, "gain_high", "gain_db.high", -120.0),
             (20011, "bypass", "bypass", 1.0)]
    played, parts = separator(), []
    edges = sorted({0, SAMPLES, *(turn[0] for turn in turns)})
    for begin, end in pairwise(edges):
        for turn in turns:
            if turn[0] == begin:
                played.set(turn[2], bool(turn[3]) if turn[1] == "bypass" else turn[3])
        for first, last in in_blocks(end - begin, (2048,)):
            mine = events[(events["sample"] >= begin + first) & (events["sample"] < begin + last)].copy()
            mine["sample"] -= begin + first
            parts.append(played.process(sound[:, begin + first : begin + last], mine).mix.copy())
    lines = [turn_line(at, name, value) for at, name, _, value in turns]
    outputs = host.play_one(sound, [*event_lines(events), *lines], block=0)[1]
    assert same(outputs[0], np.concatenate(parts, axis=1))


def test_whatever_is_turned_the_stems_sum_to_the_input(host, sound, events, rng):
    ranges = {"bypass": (0, 1), "wet": (0, 1), "gain_low": (-120, 24), "gain_residual": (-130, 30), "suppression": (0.1, 10)}
    turns = [turn_line(int(rng.integers(SAMPLES)), name, float(rng.uniform(*ranges[name])))
             for name in rng.choice(list(ranges), 1000)]
    strange = [turn_line(100, "wet", float("nan")), turn_line(100, "wet", float("inf")), (100, "param", 12345, 1, 0)]
    told, outputs = host.play_one(sound, [*event_lines(events), *turns, *strange], block=0)
    assert_sums_to(outputs[1:], sound, 256)
    assert np.isfinite(outputs).all() and told["calls"] == 0
    assert not same(outputs[1:], host.play_one(sound, event_lines(events))[1][1:]), "the suppression has an effect"


def test_another_preset_asks_for_a_restart(host, sound):
    told, outputs = host.play_one(sound, [turn_line(1024, "program", 1)], block=512)
    assert told["restarts"] == 1 and told["latency"] == 0 and told["latencies"] == 2
    assert_sums_to(outputs[1:, :, 2048:], sound[:, 2048:], 0)
    assert host.play_one(sound, [turn_line(1024, "program", 0)])[0]["restarts"] == 0


def test_what_hosts_are_told(host, sound):
    told, _ = host.play_one(sound, [turn_line(0, "gain_high", -6.5), turn_line(0, "bypass", 1)])
    assert (told["name"], told["id"], told["notes"]) == (NAME, "urn:rtsep:small-split", 1)
    assert [port[1] for port in told["outputs"]] == ["mix", "low", "high", "residual"]
    assert [port[2:] for port in told["outputs"]] == [[2, 1], [2, 0], [2, 0], [2, 0]]
    assert [port[0] for port in told["outputs"]] == [hash_of(name) for name in ("", "low", "high", "residual")]
    params = {name: told["params"][str(hash_of(name))] for name in ("bypass", "gain_high", "program", "split")}
    assert [params[name]["text"] for name in params] == ["On", "-6.50 dB", "P0", "60 (C4)"]
    assert params["bypass"]["flags"] == STEPPED | BYPASS | AUTOMATABLE | REQUIRES_PROCESS | ENUM
    assert params["program"]["flags"] == STEPPED | ENUM and params["gain_high"]["flags"] == AUTOMATABLE | REQUIRES_PROCESS
    assert {param["faults"] for param in told["params"].values()} == {0}


# --- projects ---------------------------------------------------------------------------------------------------------


def test_a_project_comes_back_as_it_was(host, sound, events, tmp_path):
    turns = [turn_line(0, "wet", 1 / 3), turn_line(0, "gain_low", -7.0000001)]
    first = host.play_one(sound, [*event_lines(events), *turns], save=tmp_path / "one")[0]
    told, loaded = host.play_one(sound, event_lines(events), load=tmp_path / "one", again=tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert {name: param["value"] for name, param in told["params"].items()} == {
        name: param["value"] for name, param in first["params"].items()} and told["rescans"] == 1
    fresh = host.play_one(sound, [*event_lines(events), *turns])[1]
    assert not same(loaded[1:], fresh[1:]), "what was learnt has an effect"
    while_active, same_again = host.play_one(sound, event_lines(events), reload=tmp_path / "one", again=tmp_path / "three")
    assert while_active["restarts"] == 1 and same(same_again, loaded)
    assert (tmp_path / "three").read_bytes() == (tmp_path / "one").read_bytes()


@pytest.mark.parametrize("broken", [b"", b"nonsense", b"rtsep-state 1\nwet 3ff", b"rtsep-state 1\nwet x\n\n\1\2\3", None])
def test_a_foreign_or_broken_project_does_no_harm(host, sound, events, tmp_path, broken):
    if broken is None:
        host.play_one(sound, event_lines(events), save=tmp_path / "state")
        broken = (tmp_path / "state").read_bytes()[:-1] + b"\xff" * 30
    (tmp_path / "state").write_bytes(broken)
    told, outputs = host.play_one(sound, event_lines(events), load=tmp_path / "state")
    assert_sums_to(outputs[1:], sound, 256)
    assert ("no state" in told["log"]) == (b"\n\n" not in broken)


# --- what hosts do ----------------------------------------------------------------------------------------------------


def test_instances_do_not_disturb_each_other(host, sound, events, rng):
    sounds = [sound, sound[:, ::-1].copy(), band(rng, SAMPLES, channels=2)]
    told, outputs = host.play(sounds, event_lines(events), block=0)
    assert all(same(one, expected(each, events)) for one, each in zip(outputs, sounds, strict=True))
    assert [one["calls"] for one in told] == [0, 0, 0]


def test_the_host_would_notice_an_allocation(host, sound, events):
    assert host.play_one(sound, event_lines(events), disturb=1)[0]["calls"] > 0


@pytest.mark.parametrize("before", ["reset", "cycles"])
def test_nothing_is_left_after_a_reset_or_new_activations(host, sound, events, before):
    told, outputs = host.play_one(sound, event_lines(events), before=before)
    assert same(outputs, expected(sound, events)) and told["calls"] == 0


@pytest.mark.parametrize("ports", ["stems", "pointers", "input", "inplace"])
def test_ports_that_a_host_leaves_out(host, sound, events, ports):
    wanted = expected(np.zeros_like(sound) if ports == "input" else sound, events)
    _, outputs = host.play_one(sound, event_lines(events), ports=ports, block=0)
    missing = {"stems": [1, 2, 3], "pointers": [1, 2, 3]}.get(ports, [])
    for port, output in enumerate(outputs):
        assert same(output, np.zeros_like(sound) if port in missing else wanted[port])


def test_a_mono_track_sounds_on_both_sides(host, sound, events):
    assert same(host.play_one(sound, event_lines(events), ports="mono")[1], expected(np.repeat(sound[:1], 2, axis=0), events))


def test_notes_of_a_block_without_sound_belong_to_the_next(host, sound, events):
    earlier = events.copy()
    earlier["sample"] -= earlier["sample"] % 512
    assert same(host.play_one(sound, event_lines(events), ports="empty", block=512)[1], expected(sound, earlier))


# --- what is wrong with a bundle --------------------------------------------------------------------------------------


def spoil(folder, what):
    plan, text = folder / "0-44100.plan", folder / "bundle.txt"
    content = plan.read_bytes()
    if what == "no bundle":
        shutil.rmtree(folder)
    elif what == "foreign bundle":
        text.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    elif what == "newer bundle":
        text.write_text(text.read_text().replace("rtsep-bundle 1", "rtsep-bundle 2"))
    elif what == "cut-off bundle":
        text.write_text(text.read_text()[:30])
    elif what == "no plan":
        plan.unlink()
    elif what == "newer plan":
        header = np.frombuffer(content[: HEADER.itemsize], HEADER).copy()
        header["version"] = 99
        plan.write_bytes(header.tobytes() + content[HEADER.itemsize :])
    elif what == "damaged plan":
        plan.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    elif what == "cut-off plan":
        plan.write_bytes(content[: len(content) // 2])
    elif what == "empty plan":
        plan.write_bytes(b"")
    elif what == "foreign plan":
        plan.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(10000))


TROUBLE = {
    "no bundle": "cannot be read", "foreign bundle": "is damaged", "newer bundle": "newer", "cut-off bundle": "is damaged",
    "no plan": "cannot be read", "newer plan": "newer", "damaged plan": "damaged", "cut-off plan": "cut off",
    "empty plan": "cut off", "foreign plan": "no plan of rtsep", "another rate": "does not play at 96000 Hz"}


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory):
    """A host and a plug-in with sanitizers, which end the process at bad accesses and at undefined behaviour of C."""
    folder = tmp_path_factory.mktemp("sanitized")
    tried = subprocess.run(["cc", *SANITIZED, "-xc", "-", "-o", folder / "tried"], input=b"int main(void) { return 0; }",
                           capture_output=True)
    if tried.returncode:
        pytest.skip(f"needs the sanitizers of the C compiler: {tried.stderr[:300]}")
    build_plugin(folder / "small.clap", *SANITIZED)
    build_host(folder / "host", *SANITIZED, "-DWITHOUT_COUNTS")
    return folder


@pytest.mark.parametrize("what", TROUBLE)
def test_the_sound_passes_and_the_log_says_why(built, sanitized, tmp_path, sound, events, what):
    shutil.copy(sanitized / "small.clap", tmp_path / "small.clap")
    shutil.copytree(built / "small.rtsep", tmp_path / "small.rtsep")
    spoil(tmp_path / "small.rtsep", what)
    host = Host(sanitized / "host", tmp_path / "small.clap", tmp_path)
    told, outputs = host.play_one(sound, event_lines(events), block=0, rate=96000 if what == "another rate" else 44100,
                                  save=tmp_path / "state", ports="inplace")
    assert same(outputs[0], sound) and not outputs[1:].any() and told["latency"] == 0
    assert TROUBLE[what] in told["log"] and told["log"].startswith("3 ")
    assert told["name"] == (NAME if "bundle" not in what else told["name"]) and told["name"] and told["id"]


def test_sanitizers_find_nothing(built, sanitized, tmp_path, sound, events):
    shutil.copytree(built / "small.rtsep", tmp_path / "small.rtsep")
    shutil.copy(sanitized / "small.clap", tmp_path / "small.clap")
    host = Host(sanitized / "host", tmp_path / "small.clap", tmp_path)
    turns = [turn_line(at, "program", at // 5000 % 2) for at in range(0, SAMPLES, 5000)]
    host.play([sound, sound], [*event_lines(events, notes=True), *turns], block=0, before="cycles", save=tmp_path / "one")
    host.play_one(sound, event_lines(events), reload=tmp_path / "one", again=tmp_path / "two", ports="pointers")


def test_a_host_can_use_decimal_commas(built, tmp_path, sound, events):
    made = shutil.which("localedef") and subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", tmp_path / "de_DE.UTF-8"], capture_output=True).returncode == 0
    if not made:
        pytest.skip("needs localedef and the language de_DE: apt install locales")
    host = Host(built / "host", built / "small.clap", tmp_path,
                {**os.environ, "LC_ALL": "de_DE.UTF-8", "LOCPATH": str(tmp_path)})
    told, outputs = host.play_one(sound, [*event_lines(events), turn_line(0, "wet", 1)])
    assert same(outputs, expected(sound, events)) and told["params"][str(hash_of("gain_low"))]["text"] == "0.00 dB"
    assert told["point"] == ","


def test_a_bundle_inside_a_folder_as_on_macos(built, tmp_path, sound, events):
    shutil.copytree(built / "small.rtsep", tmp_path / "small.clap" / "Contents" / "Resources")
    shutil.copy(built / "small.clap", tmp_path / "binary")
    host = Host(built / "host", tmp_path / "binary", tmp_path)
    for path in (tmp_path / "small.clap", f"{tmp_path / 'small.clap'}/"):
        assert same(host.play_one(sound, event_lines(events), path=path)[1], expected(sound, events))
