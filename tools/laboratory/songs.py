"""The pieces of the development set: their scores, instruments, makers and roles.

The preset of each stem has not heard the stem's maker play this instrument: see `preset_for` in ready.py. Settings may be
chosen on the pieces for tuning, never on those for reporting. The two halves share no work. Both have all instruments named
here, by different makers as far as possible.
"""

from dataclasses import dataclass

TUNING, REPORTING = "tuning", "reporting"
PIANO, CHURCH_ORGAN, NYLON, STEEL, PLUCKED_BASS = 0, 19, 24, 25, 32
VIOLIN, VIOLA, CELLO, DOUBLE_BASS = 40, 41, 42, 43
TRUMPET, ALTO, TENOR, OBOE, CLARINET, FLUTE = 56, 65, 66, 68, 71, 73
RANGES = {PIANO: (24, 104), CHURCH_ORGAN: (36, 86), NYLON: (40, 79), STEEL: (40, 76), PLUCKED_BASS: (28, 55),
          VIOLIN: (55, 96), VIOLA: (48, 84), CELLO: (36, 74), DOUBLE_BASS: (28, 60), TRUMPET: (54, 82), ALTO: (49, 80),
          TENOR: (49, 74), OBOE: (58, 88), CLARINET: (50, 88), FLUTE: (60, 94)}
"""The lowest and the highest MIDI pitch of each General MIDI program (from 0) in the pieces."""
NAMES = {PIANO: "piano", CHURCH_ORGAN: "organ", NYLON: "guitar", STEEL: "guitar", PLUCKED_BASS: "bass", VIOLIN: "violin",
         VIOLA: "viola", CELLO: "cello", DOUBLE_BASS: "double bass", TRUMPET: "trumpet", ALTO: "saxophone", TENOR: "saxophone",
         OBOE: "oboe", CLARINET: "clarinet", FLUTE: "flute"}
SINGING = (VIOLIN, VIOLA, CELLO, DOUBLE_BASS, TRUMPET, ALTO, TENOR, OBOE, CLARINET, FLUTE)
"""The programs that play one slurred voice."""


@dataclass(frozen=True)
class Stem:
    """An instrument of a piece: its General MIDI program from 0, its maker, and the parts of the score that it plays together.

    way: "" for the written notes, "broken" for the chords note by note, "bass" for the lower notes of the chords.
    """

    program: int
    maker: str
    parts: tuple[int, ...]
    way: str = ""


@dataclass(frozen=True)
class Song:
    """A piece: its score, beats per minute and per bar, and its instruments.

    score: a work in music21's corpus, or a MIDI file in the shared recordings.
    """

    name: str
    role: str
    score: str
    bpm: float
    bar: float
    stems: tuple[Stem, ...]

    def stem_names(self) -> list[str]:
        """A name for each stem: the instrument, with a number if there are several of one kind."""
        names = [NAMES[stem.program] for stem in self.stems]
        return [f"{name} {names[:place].count(name) + 1}" if names.count(name) > 1 else name
                for place, name in enumerate(names)]


SONGS = (
    Song("nachtwanderer", TUNING, "piano_and_others/hensel_nachtwanderer/all.mid", 60, 4,
         (Stem(CLARINET, "timgm", (2,)), Stem(PIANO, "upright_kw", (0, 1)))),
    Song("ave maria", TUNING, "piano_and_others/schubert_ave_maria/all.mid", 60, 4,
         (Stem(CELLO, "tonejs-cello", (2,)), Stem(PIANO, "tonejs-piano", (0, 1)))),
    Song("liebesbotschaft", TUNING, "piano_and_others/schubert_liebesbotschaft/all.mid", 60, 4,
         (Stem(FLUTE, "tonejs-flute", (2,)), Stem(NYLON, "timgm", (0, 1)))),
    Song("thraenen", TUNING, "schumann_robert/opus48no2", 54, 2,
         (Stem(ALTO, "timgm", (0,)), Stem(PIANO, "splendid", (1, 2)))),
    Song("lascia", TUNING, "handel/rinaldo/Lascia_chio_pianga", 66, 4,
         (Stem(VIOLIN, "tonejs-violin", (0,)), Stem(CHURCH_ORGAN, "timgm", (1, 2)))),
    Song("prayer", TUNING, "beach/prayer_of_a_tired_child", 76, 4,
         (Stem(TRUMPET, "tonejs-trumpet", (0,)), Stem(PIANO, "timgm", (4, 5)))),
    Song("jeanie", TUNING, "leadSheet/fosterBrownHair", 92, 4,
         (Stem(OBOE, "timgm", (0,)), Stem(STEEL, "timgm", (1,), "broken"), Stem(PLUCKED_BASS, "timgm", (1,), "bass"))),
    Song("k155", TUNING, "mozart/k155/movement1", 120, 4,
         (Stem(VIOLIN, "timgm", (0,)), Stem(VIOLIN, "tonejs-violin", (1,)), Stem(VIOLA, "timgm", (2,)),
          Stem(CELLO, "cello", (3,)))),
    Song("corelli", TUNING, "corelli/opus3no1/1grave", 56, 4,
         (Stem(OBOE, "fluidr3", (0,)), Stem(VIOLIN, "timgm", (1,)), Stem(DOUBLE_BASS, "tonejs-contrabass", (2,)))),
    Song("bwv66", TUNING, "bach/bwv66.6", 72, 4,
         (Stem(FLUTE, "tonejs-flute", (0,)), Stem(CLARINET, "timgm", (1,)), Stem(TENOR, "timgm", (2,)),
          Stem(CELLO, "timgm", (3,)))),
    Song("lindenbaum", REPORTING, "schubert/Lindenbaum", 72, 3,
         (Stem(CELLO, "cello", (0,)), Stem(PIANO, "old_fb", (1, 2)))),
    Song("concertino", REPORTING, "weber/concertino_clarinet", 104, 4,
         (Stem(CLARINET, "tonejs-clarinet", (0,)), Stem(PIANO, "splendid", (1, 2)))),
    Song("aloha", REPORTING, "liliuokalani/aloha_oe", 84, 4,
         (Stem(FLUTE, "timgm", (4,)), Stem(STEEL, "tonejs-guitar-acoustic", (5, 6)))),
    Song("lift every voice", REPORTING, "johnson_j_r/lift_every_voice", 96, 3,
         (Stem(TRUMPET, "timgm", (0,)), Stem(CHURCH_ORGAN, "tonejs-organ", (1, 2, 3)))),
    Song("la donna", REPORTING, "verdi/laDonnaEMobile", 96, 1.5,
         (Stem(ALTO, "tonejs-saxophone", (0,)), Stem(PIANO, "musescore", (1,)))),
    Song("mazurka", REPORTING, "chopin/mazurka06-2", 132, 3,
         (Stem(VIOLIN, "timgm", (0,)), Stem(PIANO, "tonejs-piano", (1,)))),
    Song("reel", REPORTING, "nottingham-dataset/reelsa-c#1", 152, 4,
         (Stem(OBOE, "timgm", (0,)), Stem(NYLON, "tonejs-guitar-nylon", (1,), "broken"),
          Stem(PLUCKED_BASS, "timgm", (1,), "bass"))),
    Song("clara trio", REPORTING, "schumann_clara/opus17/movement3", 80, 3,
         (Stem(VIOLIN, "tonejs-violin", (0,)), Stem(CELLO, "tonejs-cello", (1,)), Stem(PIANO, "upright_kw", (2, 3)))),
    Song("opus 74", REPORTING, "haydn/opus74no1/movement2", 66, 1.5,
         (Stem(VIOLIN, "tonejs-violin", (0,)), Stem(VIOLIN, "timgm", (1,)), Stem(VIOLA, "fluidr3", (2,)),
          Stem(CELLO, "tonejs-cello", (3,)))),
    Song("bwv40", REPORTING, "bach/bwv40.8", 76, 4,
         (Stem(TRUMPET, "tonejs-trumpet", (0,)), Stem(OBOE, "fluidr3", (1,)), Stem(TENOR, "tonejs-saxophone", (2,)),
          Stem(DOUBLE_BASS, "timgm", (3,)))),
)
