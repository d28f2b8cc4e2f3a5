"""The plug-in in Ardour without a window, for `.ci/full plugin`: a session with it is made, rendered, and compared.

Ardour's Lua makes a track with the sound, a track with the notes, a bus with the plug-in, which gets both, and a bus for each
stem. Sound and notes are written into the session's file, since Lua cannot import them without the editor. `ardour7-export`
renders the session.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess

import midi_bytes
import numpy as np
import soundfile
from conftest import SMALL, band
from plugin_core import PITCHES

from rtsep.cli import main as rtsep

RATE, SECONDS = 48000, 3
TICKS = 282_240_000  # Ardour 7 counts the time of sound in this many ticks per second.
BEATS_PER_SECOND, BEAT_TICKS = 2, 1920  # The session's tempo, and the ticks of a quarter note for MIDI.
DIVISION = BEAT_TICKS // 2  # Two of these ticks are 25 samples: notes at even ticks come to their exact sample.
STEMS = ("low", "high", "residual")
RESIDUAL = 5  # The number of the gain's control: it follows latency, enabled, wet and the gains of low and high.
EARLY = 16  # In some runs Ardour's export begins this many samples late, with any plug-in, so that its output is early.
TRIES, PATIENCE_S = 4, 60  # In some runs Ardour hangs, also without a plug-in. A run takes a few seconds.
PROGRAMS = ("ardour7-lua", "ardour7-export")
MAKE = """
backend = AudioEngine:set_backend("None (Dummy)", "", "")
backend:set_sample_rate({rate})
AudioEngine:start(false)
ARDOUR.config():set_output_auto_connect(0)  -- It would go on in a thread, while this script connects.
session = create_session("{folder}/take", "take", {rate})
audio, midi = ARDOUR.DataType("audio"), ARDOUR.DataType("midi")
last, normal = ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal
function bus(name)
  return session:new_audio_route(2, 2, nil, 1, name, ARDOUR.PresentationInfo.Flag.AudioBus, last):front()
end
function connect(from, first, to, second, count)
  for channel = 0, count - 1 do
    assert(from:output():nth(first + channel):connect(to:input():nth(second + channel):name()) == 0)
  end
end
sound = session:new_audio_track(2, 2, nil, 1, "sound", last, normal, true):front()
one = ARDOUR.ChanCount(midi, 1)
notes = session:new_midi_track(one, one, true, ARDOUR.PluginInfo(), nil, nil, 1, "notes", last, normal, true):front()
separated = bus("separated")
assert(separated:input():add_port("", nil, midi) == 0)
connect(sound, 0, separated, 0, 2)
connect(notes, 0, separated, 2, 1)
plugin = ARDOUR.LuaAPI.new_plugin(session, "{uri}", ARDOUR.PluginType.LV2, "")
assert(separated:add_processor_by_index(plugin, 0, nil, true) == 0)
assert(ARDOUR.LuaAPI.set_processor_param(plugin, {knob}, {value}))
master, stems = session:master_out(), {{{stems}}}
for channel = 1, 2 * #stems do  -- What is rendered has the mix and every stem.
  assert(master:input():add_port("", nil, audio) == 0)
end
connect(separated, 0, master, 0, 2)
for number, name in ipairs(stems) do
  stem = bus(name)
  connect(separated, 2 * number, stem, 0, 2)
  connect(stem, 0, master, 2 * number, 2)
end
for _, wide in ipairs({{separated, master}}) do
  wide:panner_shell():set_bypassed(true)  -- It would mix all channels.
end
session:save_state("")
close_session()
quit()
"""
SOURCE = '<Source name="{name}" take-id="" type="{type}" flags="" id="{id}" gain="1" channel="0"/>'
REGION = ('<Region name="{type}" whole-file="{whole}" start="{unit}0" length="{unit}{ticks}@{unit}0" sync-position="{unit}0" '
          'ancestral-start="{unit}0" ancestral-length="{unit}{ticks}@{unit}0" stretch="1" shift="1" opaque="1" '
          'fade-in-active="0" fade-out-active="0" scale-amplitude="1" id="{id}" type="{type}" first-edit="nothing" {sources}/>')
AUDIO = {"type": "audio", "unit": "a", "ticks": SECONDS * TICKS, "sources": (
    'source-0="900" source-1="901" master-source-0="900" master-source-1="901" channels="2"')}
MIDI = {"type": "midi", "unit": "b", "ticks": SECONDS * BEATS_PER_SECOND * BEAT_TICKS, "sources": (
    'source-0="902" master-source-0="902"')}


def missing():
    """The program of Ardour that is not installed, or ""."""
    return ", ".join(name for name in PROGRAMS if not shutil.which(name))


def write_material(home):
    """Write the sound to home/sound.wav, its sides to separate files, as Ardour keeps them, and the notes to notes.mid."""
    sound = band(np.random.default_rng(1), SECONDS * RATE, 2, RATE)
    for name, samples in (("sound", sound.T), ("sound%L", sound[0]), ("sound%R", sound[1])):
        soundfile.write(home / f"{name}.wav", samples, RATE, "FLOAT")
    now, events = 0, []
    for number, tick in enumerate(range(40, 5000, 125)):
        events += [(tick - now, midi_bytes.on(PITCHES[number % 4], 40 + number)), (90, midi_bytes.off(PITCHES[number % 4]))]
        now = tick + 90
    (home / "notes.mid").write_bytes(midi_bytes.smf(midi_bytes.track(*events, midi_bytes.END), style=0, division=DIVISION))


def put_in(home):
    """Put the material into the tracks of the session in home/take, as regions."""
    take, sources = home / "take", ""
    for number, (name, kind) in enumerate((("sound%L.wav", "audio"), ("sound%R.wav", "audio"), ("notes.mid", "midi"))):
        target = take / "interchange" / "take" / f"{kind}files"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(home / name, target)
        sources += SOURCE.format(name=name, type=kind, id=900 + number)
    text = (take / "take.ardour").read_text()
    for place, content in (
            ("Sources", sources),
            ("Regions", REGION.format(whole=1, id=910, **AUDIO) + REGION.format(whole=1, id=911, **MIDI)),
            ("Locations", f'<Location id="950" name="session" start="a0" end="a{SECONDS * TICKS}" flags="IsSessionRange" '
                          'locked="0" cue="0"/>')):
        assert f"<{place}/>" in text
        text = text.replace(f"<{place}/>", f"<{place}>{content}</{place}>")
    for number, (track, form) in enumerate((("sound", AUDIO), ("notes", MIDI))):
        region = REGION.format(whole=0, id=912 + number, **form)
        text, found = re.subn(rf'(<Playlist id="\d+" name="{track}"[^>]*)/>', rf"\1>{region}</Playlist>", text)
        assert found == 1
    text = re.sub(r'id-counter="\d+"', 'id-counter="2000"', text).replace('range-is-free="1"', 'range-is-free="0"')
    (take / "take.ardour").write_text(text)


def play(home, uri, value):
    """Let Ardour render home/out.wav, with a gain of `value` dB for the residual. home/.lv2 holds the plug-in."""
    shutil.rmtree(home / "take", ignore_errors=True)
    (home / "make.lua").write_text(MAKE.format(rate=RATE, folder=home, uri=uri, knob=RESIDUAL, value=value,
                                               stems=", ".join(f'"{name}"' for name in STEMS)))
    options = {"env": {**os.environ, "HOME": str(home)}, "check": True, "capture_output": True, "timeout": PATIENCE_S}
    subprocess.run([PROGRAMS[0], home / "make.lua"], **options)
    put_in(home)
    subprocess.run([PROGRAMS[1], "-o", home / "out.wav", "-b", "float", "-s", str(RATE), home / "take", "take"], **options)


def played(home, uri, value):
    """The rendered sound as [mix and stems, sample], and how many samples are missing at its beginning."""
    for number in range(TRIES):
        try:
            play(home, uri, value)
            break
        except subprocess.TimeoutExpired:
            assert number < TRIES - 1, "Ardour hangs in every run"
    found, sound = (soundfile.read(home / name, dtype="float32")[0].T for name in ("out.wav", "sound.wav"))
    whole = found[2:].reshape(len(STEMS), 2, -1).sum(axis=0)
    for early in (0, EARLY):
        if np.abs(whole[:, : whole.shape[1] - early] - sound[:, early:]).max() < 1e-6:
            return found[:, : found.shape[1] - early], early
    raise AssertionError("the stems do not add up to the sound")


def rendered(home, lead):
    """The stems [stem's channel, sample] that `rtsep render` makes of the material after `lead` samples of silence."""
    sound, _ = soundfile.read(home / "sound.wav", dtype="float32")
    soundfile.write(home / "later.wav", np.pad(sound, ((lead, 0), (0, 0))), RATE, "FLOAT")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert rtsep(["render", str(home / "later.wav"), "--midi", str(home / "notes.mid"), "--offset", str(lead / RATE),
                      "--preset", str(home / "keys.npz"), "--by", "split", "--mode", "live", "--out", str(home / "stems"),
                      "--overwrite", *(f"--set={name}={value}" for name, value in SMALL.items())]) == 0
    return np.concatenate([soundfile.read(home / "stems" / f"{name}.wav", dtype="float32")[0].T[:, lead:] for name in STEMS])


def check(home, uri):
    """Check that each stem equals `rtsep render`'s, bit for bit, and that the mix is their sum, with the residual's gain.

    The plug-in's first hop begins when Ardour begins to play. This differs by some samples between runs. So `render` gets the
    same number of silent samples first.
    """
    write_material(home)
    for value in (0.0, -20.0):
        found, early = played(home, uri, value)
        for lead in (-number % SMALL["hop_samples"] for number in range(SMALL["hop_samples"])):
            stems = rendered(home, lead)[:, early:]
            if np.array_equal(found[2:], stems):
                break
        differs = np.abs(found[2:] - stems).max()
        mix = stems[:2] + stems[2:4] + 10 ** (value / 20) * stems[4:]
        of_mix = np.abs(found[:2] - mix)[:, RATE // 10 :].max()  # A gain is smoothed.
        print(f"Ardour, residual at {value:.0f} dB: {early} samples early, {lead} before; "
              f"largest differences: stems {differs:.1g}, mix {of_mix:.1g}")
        assert differs == 0 and of_mix < 1e-6
        assert np.abs(stems).max(axis=1).min() > 0.01  # No stem is silent.
