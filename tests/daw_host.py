"""Plays an LV2 plug-in in DawDreamer (JUCE), for `.ci/full plugin`; needs dawdreamer, but not rtsep.

`HOME=FOLDER python tests/daw_host.py URI INPUT.npz OUTPUT.npz`: the plug-in lies in FOLDER/.lv2, since JUCE looks only there.
The input has `sound` [channel, sample], `notes` [n, 4] (sample, status, data1, data2) and `rate`; the output has `heard`
[channel, sample], `latency`, `parameters`, and whether a project keeps its data (`kept`).
"""

import sys
from pathlib import Path

import dawdreamer
import mido
import numpy as np


def main(uri, source, target):
    given = np.load(source)
    rate, sound = int(given["rate"]), given["sound"]
    engine = dawdreamer.RenderEngine(rate, 512)
    playback = engine.make_playback_processor("sound", sound)
    plugin = engine.make_plugin_processor("plugin", uri)
    file = mido.MidiFile(ticks_per_beat=rate // 2)  # At 120 beats per minute a tick is a sample.
    track, now = file.add_track(), 0
    track.append(mido.MetaMessage("set_tempo", tempo=500_000))
    for sample, *message in given["notes"].tolist():
        track.append(mido.Message.from_bytes(message, time=sample - now))
        now = sample
    file.save(f"{target}.mid")
    plugin.load_midi(f"{target}.mid", beats=False, clear_previous=True)
    engine.load_graph([(playback, []), (plugin, ["sound"])])
    engine.render(sound.shape[1] / rate)
    plugin.save_state(f"{target}.state")  # DawDreamer loads a project's data only into plug-ins with a window.
    np.savez(target, heard=plugin.get_audio(), latency=plugin.get_latency_samples(),
             parameters=np.array([each["name"] for each in plugin.get_parameters_description()]),
             kept="urn:rtsep:state" in Path(f"{target}.state").read_text(errors="replace"))


if __name__ == "__main__":
    main(*sys.argv[1:])
