"""Notes: what was played, and to which stem each note belongs.

Enters: MIDI files and bytes, tables, annotations and written music, and how the user assigns notes to stems. Leaves: events for
the engine, and a `Routing`.

| from file to stem | |
| --- | --- |
| read | what a file of notes is, by its content |
| tables, annotations, engraved, tablature | notes that are no MIDI |
| chunks, tracks, names | bytes -> events of each track, read as players read them |
| zones, bends, tunings | MPE, and which notes sound elsewhere than they are written |
| score, merged | `Score`: the notes of one or several files |
| routing, groups, hands, drum_maps, hints | which stem each note belongs to |
| followed, score_parts | the score that a player plays from, and its parts as stems |
| folded | many tracks -> the parts that the engine has |

May import: errors. No ports, no threads, no sound.
"""
