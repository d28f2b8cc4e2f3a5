"""Notes: what was played, and which stem each note belongs to.

Enters: MIDI files and bytes, tables, annotations and written music, and how the user assigns notes to stems. Leaves: events for
the engine, and a `Routing`.

| from file to stem | |
| --- | --- |
| read | finds the format of a file of notes by its content |
| tables, annotations, engraved, tablature | notes that are not MIDI |
| chunks, tracks, names | bytes -> events of each track, read in the way of MIDI players |
| zones, bends, tunings | MPE, and notes that sound at another pitch than the written one |
| score, merged | `Score`: the notes of one or several files |
| routing, groups, hands, drum_maps, hints | which stem each note belongs to |
| hands_midi | a MIDI file with a track for each hand |
| moved | notes at other times |
| followed, score_parts | the score that a player plays from, and its parts as stems |
| folded | many tracks -> the parts that the engine has |

May import: errors. No ports, no threads, no sound.
"""
