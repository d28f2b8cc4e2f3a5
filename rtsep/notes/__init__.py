"""Notes: what was played, and to which stem each note belongs.

Enters: MIDI files and bytes, tables, annotations and written music (`read` tells them apart), and how the user assigns notes
to stems. Leaves: events for the engine, and a `Routing`.
May import: errors. No ports, no threads, no sound.
"""
