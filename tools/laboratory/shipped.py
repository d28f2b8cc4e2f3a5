"""The shipped presets, one line each, and the sounds on which they are trained."""

from dataclasses import dataclass, replace

PIANO_KEYS = range(21, 109)
LOUD = (96,)
"""The MIDI velocities of notes from the npm packages, which have each sample only once."""
KIT_SPARSITY = 0.2
"""The background's sparsity weight for kits with one row per drum: with less, the background takes what such a row leaves."""


@dataclass(frozen=True)
class Collection:
    """Recordings that anyone can get: what a preset made from them must state, and the beginning of a sound's file name."""

    name: str
    source: str
    licence: str
    attribution: str


SALAMANDER = Collection("salamander", "Salamander Grand Piano V3, npm packages @audio-samples/piano-velocity7 and -velocity12, "
                        "version 1.0.5", "CC BY 3.0", "Alexander Holm")
FLUIDR3 = Collection("fluidr3", "FluidR3 GM, Debian package fluid-soundfont-gm, played by fluidsynth", "MIT", "Frank Wen")
TONEJS = Collection("tonejs", "npm packages tonejs-instrument-NAME-mp3, samples of tonejs-instruments", "CC BY 3.0",
                    "Nicholaus P. Brosowsky; VSCO 2 CE, University of Iowa, flcellogrl")
SONIC_PI = Collection("sonicpi", "Debian package sonic-pi-samples, whose drum hits come from freesound.org", "CC0",
                      "menegass, Zajo, Neotone")


@dataclass(frozen=True)
class Sound:
    """Isolated notes of one instrument: every pitch at every velocity, `note_s` long and `gap_s` apart.

    program: counted from 0; with `drums` the number of a drum kit. samples: pitches and the files of their hits, for a
    collection of single samples; then these are all notes. stages: whether each row is for one stage of a hit.
    """

    collection: Collection
    program: int
    pitches: range | tuple[int, ...]
    velocities: tuple[int, ...] = (52, 96)
    note_s: float = 2.0
    gap_s: float = 0.8
    drums: bool = False
    samples: tuple[tuple[int, tuple[str, ...]], ...] = ()
    stages: bool = False

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.collection.name}_{'kit' if self.drums else 'program'}_{self.program}"


@dataclass(frozen=True)
class Instrument:
    """A preset to build from the rows of all its `sounds`.

    programs: the General MIDI programs, from 0, for which it is the default. way: how the rows of its sounds are combined, by a
    name in blended.py. kin: similar sounds, of which its rows get a share.
    """

    name: str
    title: str
    programs: tuple[int, ...]
    sounds: tuple[Sound, ...]
    way: str = "blend"
    kin: tuple[Sound, ...] = ()

    @property
    def pitches(self) -> set[int]:
        """Every pitch of its sounds, or of its kin if it has no sounds."""
        return {pitch for sound in self.sounds or self.kin for pitch in sound.pitches}

    @property
    def all_sounds(self) -> tuple[Sound, ...]:
        """All sounds that have to be learnt for it."""
        return self.sounds + self.kin

    @property
    def collections(self) -> set[str]:
        """The names of the collections from which it is learnt."""
        return {sound.collection.name for sound in self.all_sounds}

    def without(self, collection: str) -> "Instrument":
        """The instrument without a collection; it can then have no sounds, or fewer pitches."""
        sounds, kin = (tuple(each for each in some if each.collection.name != collection) for some in (self.sounds, self.kin))
        return replace(self, sounds=sounds, kin=kin)

    @property
    def provenance(self) -> dict[str, str]:
        """Source, licence, attribution and command, as in the preset's file."""
        collections = tuple(dict.fromkeys(sound.collection for sound in self.all_sounds))
        texts = {key: "; ".join(getattr(collection, key) for collection in collections)
                 for key in ("source", "licence", "attribution")}
        return {**texts, "made_by": f"python tools/build_presets.py --only {self.name}"}


def plucked(program: int, low: int, high: int) -> Sound:
    """A sound of FluidR3 that fades from the beginning on."""
    return Sound(FLUIDR3, program, range(low, high + 1))


def held(program: int, low: int, high: int) -> Sound:
    """A sound of FluidR3 that lasts while its key is held."""
    return Sound(FLUIDR3, program, range(low, high + 1), note_s=1.6, gap_s=1.2)


def sampled(program: int, low: int, high: int) -> Sound:
    """A sound of the npm packages that lasts while its key is held."""
    return replace(held(program, low, high), collection=TONEJS, velocities=LOUD)


KICK, SNARE = ("drum_bass_soft", "drum_bass_hard", "drum_heavy_kick"), ("drum_snare_soft", "drum_snare_hard")
LOW_TOM, MID_TOM, HIGH_TOM = ((f"drum_tom_{height}_soft", f"drum_tom_{height}_hard") for height in ("lo", "mid", "hi"))
CRASH, RIDE, SPLASH = ("drum_cymbal_hard",), ("drum_cymbal_soft",), ("drum_splash_soft", "drum_splash_hard")
SAMPLES = (  # of the drums that General MIDI assigns to these notes
    (35, KICK), (36, KICK), (38, SNARE), (40, SNARE), (41, LOW_TOM), (42, ("drum_cymbal_closed",)), (43, LOW_TOM),
    (44, ("drum_cymbal_pedal",)), (45, MID_TOM), (46, ("drum_cymbal_open",)), (47, MID_TOM), (48, HIGH_TOM), (49, CRASH),
    (50, HIGH_TOM), (51, RIDE), (55, SPLASH), (56, ("drum_cowbell",)), (57, CRASH), (59, RIDE),
)

GRAND = Sound(SALAMANDER, 0, PIANO_KEYS)
GM_GRAND = Sound(FLUIDR3, 0, PIANO_KEYS)
GM_KIT = Sound(FLUIDR3, 0, range(35, 60), (52, 96, 120), note_s=2.2, gap_s=0.6, drums=True)
CC0_KIT = Sound(SONIC_PI, 0, tuple(pitch for pitch, _ in SAMPLES), note_s=3.0, gap_s=0.5, drums=True, samples=SAMPLES)
VIOLINS = (held(40, 55, 103), sampled(40, 55, 96))
CELLOS = (held(42, 36, 84), sampled(42, 36, 74))
TRUMPETS = (held(56, 52, 86), sampled(56, 52, 86))
HORNS = (held(60, 34, 77), sampled(60, 34, 77))
BASSOONS = (held(70, 34, 75), sampled(70, 41, 74))
FLUTES = (held(73, 59, 98), sampled(73, 60, 98))

INSTRUMENTS = (
    Instrument("piano", "Piano (two in one)", (0, 1, 2, 3), (GRAND, GM_GRAND), "stack"),
    Instrument("grand-piano", "Salamander grand piano", (), (GRAND,), "stack"),
    Instrument("gm-piano", "General MIDI piano", (), (GM_GRAND,), "stack"),
    Instrument("electric-piano", "Electric piano", (4, 5), (plucked(4, 28, 103),), "stack"),
    Instrument("harpsichord", "Harpsichord", (6,), (plucked(6, 29, 89),)),
    Instrument("vibraphone", "Vibraphone", (11,), (plucked(11, 53, 89),), "stack"),
    Instrument("organ", "Organ", (16, 17, 18, 19, 20), (held(16, 36, 96), held(19, 36, 96)), "stack"),
    Instrument("nylon-guitar", "Nylon-string guitar", (24,), (plucked(24, 40, 88),)),
    Instrument("steel-guitar", "Steel-string guitar", (25,),
               (plucked(25, 40, 88), replace(plucked(25, 40, 76), collection=TONEJS, velocities=LOUD))),
    Instrument("acoustic-bass", "Acoustic bass", (32,), (plucked(32, 28, 67),)),
    Instrument("violin", "Violin", (40,), VIOLINS),
    Instrument("viola", "Viola", (41,), (held(41, 48, 88),), kin=(*VIOLINS, *CELLOS)),
    Instrument("cello", "Cello", (42,), CELLOS),
    Instrument("double-bass", "Double bass, bowed", (43,), (held(43, 24, 62), sampled(43, 28, 62))),
    Instrument("strings", "Strings", (44, 48, 49, 50, 51), (held(48, 28, 96),), "stack"),
    Instrument("trumpet", "Trumpet", (56,), TRUMPETS),
    Instrument("trombone", "Trombone", (57,), (held(57, 34, 72), sampled(57, 34, 67))),
    Instrument("tuba", "Tuba", (58,), (held(58, 26, 65), sampled(58, 29, 64))),
    Instrument("french-horn", "French horn", (60,), HORNS),
    Instrument("saxophone", "Saxophone", (64, 65, 66, 67),
               (held(67, 36, 48), held(66, 44, 76), held(65, 49, 81), held(64, 77, 91))),
    Instrument("oboe", "Oboe", (68, 69), (held(68, 58, 91),),
               kin=(held(71, 50, 94), *BASSOONS, *FLUTES, *TRUMPETS, *HORNS)),
    Instrument("bassoon", "Bassoon", (70,), BASSOONS),
    Instrument("clarinet", "Clarinet", (71,), (held(71, 50, 94),),
               kin=(held(68, 58, 91), *BASSOONS, *FLUTES, *TRUMPETS, *HORNS)),
    Instrument("flute", "Flute", (73,), FLUTES),
    Instrument("drum-kit", "Acoustic drum kit", (128,), (GM_KIT, CC0_KIT), "stack"),
    Instrument("drum-stages", "Acoustic drum kit by stages, without other presets beside it", (),
               (replace(GM_KIT, stages=True), replace(CC0_KIT, stages=True)), "stack"),
)
