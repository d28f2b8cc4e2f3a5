"""PulseAudio behind ALSA, with null sinks instead of a sound card: block sizes, a measured loop, and lost servers."""

import os
from pathlib import Path

import pytest
from fresh_python import run
from test_portaudio import needs_portaudio

from rtsep.compiling import store

needs_pulse = pytest.mark.skipif(
    not any((Path(folder) / "pulseaudio").exists() for folder in os.environ.get("PATH", "").split(os.pathsep))
    or not [*Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")],
    reason="pulseaudio and libasound2-plugins are not installed")
COMMAND = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no",
           "--high-priority=no", "-L", "module-null-sink sink_name=out rate=44100",
           "-L", "module-null-sink sink_name=inp rate=44100"]
SERVER = """
        import os, subprocess, sys, threading
        def server():
            socket = f"module-native-protocol-unix socket={os.environ['PULSE_SOCKET']} auth-anonymous=1"
            process = subprocess.Popen([*sys.argv[1:], "-L", socket], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while subprocess.run(["pactl", "info"], capture_output=True).returncode:
                assert process.poll() is None
                threading.Event().wait(0.05)
            return process
        running = server()
"""


@pytest.fixture
def pulse(tmp_path):
    """The environment of the test's own server; ALSA's devices pulse and default use it."""
    (tmp_path / "rc").write_text("pcm.pulse { type pulse }\npcm.!default { type pulse }\n")
    (tmp_path / "alsa.conf").write_text(f"</usr/share/alsa/alsa.conf>\n<{tmp_path}/rc>\n")
    folder = str(tmp_path)
    return {
        **os.environ, "XDG_RUNTIME_DIR": folder, "PULSE_RUNTIME_PATH": folder, "PULSE_STATE_PATH": folder, "HOME": folder,
        "PULSE_SERVER": f"unix:{folder}/native", "ALSA_CONFIG_PATH": f"{folder}/alsa.conf", "PULSE_SOURCE": "inp.monitor",
        "PULSE_SINK": "out", "PYTHONPATH": str(Path(__file__).parent), "RTSEP_CACHE_DIR": str(store.cache_base()),
        "PULSE_SOCKET": f"{folder}/native",
    }


@needs_portaudio
@needs_pulse
def test_a_sound_server_gets_blocks_that_it_can_play_and_longer_buffers_after_an_early_loss(pulse):
    """Unless the user has set a block size."""
    run(SERVER + """
        from rtsep.hosts.devices import PULSE_BLOCK
        from rtsep.hosts.portaudio import SERVER_BUFFERS_S, Opener, Wanted
        try:
            for name in ("pulse", "default"):
                opener = Opener(Wanted(name, name))
                opened = [opener(rescan) for rescan in (False, True, True, True, True)]
                assert [device.block for device in opened] == [PULSE_BLOCK] * 5
                assert [device._buffer for device in opened] == ["low", *SERVER_BUFFERS_S[1:], SERVER_BUFFERS_S[-1]]
                assert f"blocks have {PULSE_BLOCK} samples" in opened[0].warning
            opener = Opener(Wanted("pulse", "pulse", block=64))
            assert [(device.block, device._buffer, device.warning) for device in (opener(False), opener(True))] == [
                (64, "low", "")] * 2
        finally:
            running.kill()
            running.wait()
    """, pulse, *COMMAND)


@needs_portaudio
@needs_pulse
def test_a_device_that_is_lost_three_times_comes_back_three_times(pulse):
    """The device is a sound server, which is killed and started again."""
    told = run(SERVER + """
        from conftest import SMALL, make_preset, prepared, two_parts
        from rtsep.hosts.lanes import CAPACITY, Lanes
        from rtsep.hosts.routes import outputs_of_mix
        from rtsep.hosts.watch import WatchedDevice
        from rtsep.hosts.portaudio import PortAudio, Wanted
        said = []
        device = WatchedDevice(lambda again: PortAudio(Wanted("pulse", "pulse", 2, 2, 44100), again), said.append)
        separator = prepared(make_preset(), two_parts(), SMALL, 2, max_block=CAPACITY)
        lanes = Lanes(separator, 44100, outputs_of_mix(2, 2))
        device.opened.start(lanes)
        def until(state, beats):
            begun = lanes.heartbeat
            for _ in range(1200):
                device.watch(lanes)
                if (device.state == "playing") == state and lanes.heartbeat >= begun + beats:
                    return
                threading.Event().wait(0.05)
            raise AssertionError((device.state, lanes.heartbeat, said))
        try:
            until(True, 3)
            for _ in range(3):
                running.kill()
                running.wait()
                until(False, 0)
                running = server()
                until(True, 3)
            device.opened.close()
        finally:
            running.kill()
        print(said)
    """, pulse, *COMMAND)
    assert told.count("lost pulse") >= 3 and told.count("is back") >= 3, told
