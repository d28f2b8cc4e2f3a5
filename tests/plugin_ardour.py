"""The plug-in in Ardour without a window, for `.ci/full plugin`: a session with it is made, rendered, and compared.

Ardour's Lua makes a session with a track and the plug-in; the sound is written into the session's file, since Lua cannot import
without the editor; `ardour7-export` renders it.
"""

import os
import re
import shutil
import subprocess

import numpy as np
import soundfile

RATE, SECONDS = 48000, 3
TICKS = 282_240_000  # Ardour 7 counts so many ticks per second.
RESIDUAL = 5  # The place of its gain: after latency, enabled, wet and the gains of low and high.
PROGRAMS = ("ardour7-lua", "ardour7-export")
MAKE = """
backend = AudioEngine:set_backend("None (Dummy)", "", "")
backend:set_sample_rate({rate})
AudioEngine:start(false)
session = create_session("{folder}/take", "take", {rate})
tracks = session:new_audio_track(2, 2, nil, 1, "track", ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal, true)
for track in tracks:iter() do
  track:set_strict_io(true)  -- The mix alone goes on.
  plugin = ARDOUR.LuaAPI.new_plugin(session, "{uri}", ARDOUR.PluginType.LV2, "")
  assert(track:add_processor_by_index(plugin, 0, nil, true) == 0)
  assert(ARDOUR.LuaAPI.set_processor_param(plugin, {knob}, {value}))
end
session:save_state("")
close_session()
quit()
"""
REGION = ('<Region name="in" whole-file="{whole}" start="a0" length="a{ticks}@a0" sync-position="a0" ancestral-start="a0" '
          'ancestral-length="a{ticks}@a0" stretch="1" shift="1" opaque="1" fade-in-active="0" fade-out-active="0" '
          'scale-amplitude="1" id="{id}" type="audio" first-edit="nothing" source-0="900" source-1="901" '
          'master-source-0="900" master-source-1="901" channels="2"/>')


def missing():
    """What of Ardour is not installed; "" if all is."""
    return ", ".join(name for name in PROGRAMS if not shutil.which(name))


def rendered(home, uri, sound, knob, value):
    """`sound` [sample, 2] as Ardour renders it through the plug-in, whose control `knob` has a `value`. HOME/.lv2 holds it."""
    environment, take = {**os.environ, "HOME": str(home)}, home / "take"
    shutil.rmtree(take, ignore_errors=True)
    (home / "make.lua").write_text(MAKE.format(rate=RATE, folder=home, uri=uri, knob=knob, value=value))
    subprocess.run([PROGRAMS[0], home / "make.lua"], env=environment, check=True, capture_output=True)
    (take / "interchange" / "take" / "audiofiles").mkdir(parents=True, exist_ok=True)
    sources, ticks = "", len(sound) * TICKS // RATE
    for number, side in enumerate("LR"):
        soundfile.write(take / "interchange" / "take" / "audiofiles" / f"in%{side}.wav", sound[:, number], RATE, "FLOAT")
        sources += f'<Source name="in%{side}.wav" take-id="" type="audio" flags="" id="{900 + number}" gain="1" channel="0"/>'
    text = (take / "take.ardour").read_text()
    for place, content in (("Sources", sources), ("Regions", REGION.format(whole=1, ticks=ticks, id=910)), ("Locations", (
            f'<Location id="950" name="session" start="a0" end="a{ticks}" flags="IsSessionRange" locked="0" cue="0"/>'))):
        assert f"<{place}/>" in text
        text = text.replace(f"<{place}/>", f"<{place}>{content}</{place}>")
    region = REGION.format(whole=0, ticks=ticks, id=911)
    text = re.sub(r'(<Playlist id="\d+" name="track"[^>]*)/>', lambda found: f"{found[1]}>{region}</Playlist>", text)
    text = re.sub(r'id-counter="\d+"', 'id-counter="2000"', text).replace('range-is-free="1"', 'range-is-free="0"')
    (take / "take.ardour").write_text(text)
    subprocess.run([PROGRAMS[1], "-o", home / "out.wav", "-b", "float", "-s", str(RATE), take, "take"],
                   env=environment, check=True, capture_output=True)
    return soundfile.read(home / "out.wav", dtype="float32")[0]


def check(home, uri):
    """The mix is the sound, in time; with the residual 20 dB lower it is a tenth of it, since no notes are played."""
    sound = (0.2 * np.random.default_rng(1).standard_normal((SECONDS * RATE, 2))).astype(np.float32)
    whole, lower = (rendered(home, uri, sound, RESIDUAL, value) for value in (0.0, -20.0))
    differences = [float(np.abs(found - expected)[RATE // 10 :].max()) for found, expected in (  # A gain is smoothed.
        (whole, sound), (lower, 0.1 * sound))]
    print("Ardour: largest differences {:.1g} and {:.1g}".format(*differences))
    assert max(differences) < 1e-6, differences
