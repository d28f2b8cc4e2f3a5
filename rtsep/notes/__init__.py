"""Notes: what was played, and whose stem it is.

Enters: MIDI files and bytes, and how the user wants notes shared out. Leaves: events that the engine hears, and a `Routing`.
May import: errors. No ports, no threads, no sound.
"""
