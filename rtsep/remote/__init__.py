"""A web page and OSC for the engine that plays: for a phone, a tablet, a foot controller.

Enters: status and values of controls, from the control thread; messages of web pages and of OSC, from the network. Leaves: the
same table of controls as keys and knobs have, as JSON over websockets and as OSC; wishes, for the control thread. One thread of
its own serves all of them; the audio callback is never waited for, nor does it wait.
May import: engine, errors, files, hosts, params, presets.
"""
