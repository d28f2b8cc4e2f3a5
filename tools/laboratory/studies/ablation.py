"""What each mechanism of the engine gives: the whole engine, and engines that lack one mechanism, on every kind of piece.

Parameters are set; constants are exchanged in a copy of the package, which compiles once more.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from laboratory.conditions import early_notes
from laboratory.grid import distinct, tell, where
from laboratory.pieces import Piece, bands
from laboratory.pieces import pianos as hands
from laboratory.ready import one_told, pianos, songs
from laboratory.report import mean_db, shown, table
from laboratory.rooms import HALL, in_room
from laboratory.songs import TUNING
from laboratory.sources import BUILD
from laboratory.studies.unheard import EXCERPT_S, PAGE, ROLE, named
from laboratory.study import Given, MissingError, Row, Table, option, study
from laboratory.systems import LIVE, judge_told, meant, preset_named
from laboratory.versions import Edit, Version, copied
from rtsep.errors import RtsepError

FOLDER = BUILD / "ablation"
EARLY_S = 0.04
"""Notes are told this many seconds early."""
WHOLE = "the whole engine"


@dataclass(frozen=True)
class Mechanism:
    """A line of the table: an engine that lacks a mechanism, by parameters (as for `separate`) or by other constants."""

    name: str
    setting: str = ""
    edits: tuple[Edit, ...] = ()


NEVER, ALWAYS = "-2.0", "-1.0"
MECHANISMS = (
    Mechanism(WHOLE),
    Mechanism("no background", "background=0"),
    Mechanism("no expectation", "prediction=0"),
    Mechanism("no adaptation and no colour", "adapt=off"),
    Mechanism("no colour", edits=(("stages/colour.py", "CHANGED", "1e9"),)),
    Mechanism("the background need not earn its place",
              edits=(("stages/accompaniment.py", "LITTLE", NEVER), ("stages/accompaniment.py", "PLAIN", ALWAYS))),
    Mechanism("early notes teach", edits=(("stages/expectation.py", "BEGUN", "0.0"),)),
    Mechanism("no lag", edits=(("stages/levels.py", "MOST_LAG_S", "0.0"),)),
    Mechanism("no decay deviation", edits=(("stages/levels.py", "DECAY_PRIOR_S", "1e6"),)),
    Mechanism("no caution", edits=(("stages/expectation.py", "CAUTION", "0.0"),)),
    Mechanism("no network for the residual", edits=(("stages/residual.py", "MOST", "0.0"),)),
    Mechanism("no watchdog", edits=(("stages/watchdog.py", "UNHEARD", "-1.0"),)),
    Mechanism("first notes learn like others",
              edits=(("stages/adaptation.py", "UNSURE_RATE", "1.0"), ("stages/adaptation.py", "SURE_POWER", "0"))),
    Mechanism("no boost of young notes", "onset_boost=1"),
    Mechanism("ten plain updates", "estimator=kl,relaxation=1,iterations=10"),
)
"""The others are compared with the first one. An edit is a module in rtsep/, a constant in it, and its other value."""


# --- pieces -----------------------------------------------------------------------------------------------------------

Cases = list[tuple[str, Callable[[], Piece]]]


def cases(given: Given, role: str, performances: int) -> Cases:
    """Every piece of every set; a piece is altered only when it is played."""
    told = songs(given, role, performances)
    found = [*_of("all told", told, lambda piece: piece), *_of("hall, 1.2 s", told, partial(in_room, room=HALL)),
             *_of("40 ms early", told, partial(early_notes, early_s=EARLY_S)), *_of("partner not told", told, one_told),
             *_of("pianos, company", pianos(given, role), lambda piece: piece)]
    if role == TUNING:
        return found + _of("hands", hands(given, "piano_and_others"), lambda piece: piece)
    grand, other = preset_named("grand-piano"), preset_named("gm-piano")
    return [*found, *_of("hands", hands(given, "two_hands", grand), lambda piece: piece),
            *_of("band, heard", bands(given, grand), lambda piece: piece),
            *_of("band, unheard", bands(given, other), lambda piece: piece)]


def _of(group: str, pieces: Sequence[Piece], alter: Callable[[Piece], Piece]) -> Cases:
    return [(group, partial(_altered, piece, alter, group)) for piece in pieces]


def _altered(piece: Piece, alter: Callable[[Piece], Piece], group: str) -> Piece:
    return replace(alter(piece), group=group)


# --- running ----------------------------------------------------------------------------------------------------------


def folder_name(mechanism: Mechanism) -> str:
    """The name of a mechanism's copy."""
    return "".join(letter if letter.isalnum() else "_" for letter in mechanism.name)


def chosen(names: Sequence[str] | None) -> list[Mechanism]:
    """The mechanisms with these names, and the whole engine. RtsepError for unknown names."""
    known = {mechanism.name: mechanism for mechanism in MECHANISMS}
    if unknown := set(names or ()) - set(known):
        raise RtsepError(f"no mechanism is called {' or '.join(sorted(unknown))}; there are: {', '.join(known)}")
    return [mechanism for name, mechanism in known.items() if not names or name in (WHOLE, *names)]


def separated(version: Version, mechanism: Mechanism, piece: Piece) -> dict[str, dict[str, float]]:
    """The figures of a piece's told stems, separated by an engine."""
    way, piece, params = meant(piece, f"{LIVE},{mechanism.setting}")
    if way:
        raise RtsepError(f"{mechanism.name}: {way} is another way to separate, not a setting of the engine")
    return judge_told(piece, version.separate(piece, params))


def run(given: Given, mechanisms: Sequence[Mechanism], pieces: Cases, jobs: int) -> Iterator[Row]:
    """A row for each piece, mechanism and stem. Each engine has a process; `jobs` of them work at a time."""
    with ExitStack() as stack:
        engines = [(mechanism, stack.enter_context(Version(copied(FOLDER / folder_name(mechanism), mechanism.edits),
                                                           FOLDER / "cache"))) for mechanism in mechanisms]
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        for number, (group, make) in enumerate(pieces, start=1):
            try:
                piece = make()
            except MissingError as error:
                given.miss(error)
                continue
            tell(number, len(pieces), f"{group}: {piece.name}")
            for (mechanism, _), found in zip(engines, pool.map(
                    lambda engine, piece=piece: separated(engine[1], engine[0], piece), engines), strict=True):
                yield from ({"mechanism": mechanism.name, "set": group, "piece": piece.name, "stem": stem, **figures}
                            for stem, figures in found.items())
    tell(0, 0, "")


def ablation_table(rows: Sequence[Row]) -> str:
    """A line for each mechanism: its mean SDR in every set and, in brackets, its difference to the whole engine."""
    groups, lines = [group for (group,) in distinct(rows, "set")], []
    for (name,) in distinct(rows, "mechanism"):
        cells = []
        for group in groups:
            whole, now = (mean_db(where(rows, mechanism=each, set=group)) for each in (WHOLE, name))
            cells.append(shown(now, ".2f") if name == WHOLE else f"{shown(now, '.2f')} ({shown(now - whole, '+.2f')})")
        lines.append([name, *cells])
    return table(["SDR in dB", *groups], lines)


@study("ablation", ROLE,
       option("--seeds", type=int, default=3, metavar="N", help="number of performances of each song (default: %(default)s)"),
       option("--only", nargs="+", metavar="NAME", help="only these mechanisms, and the whole engine"),
       option("--jobs", type=int, default=2, metavar="N", help="number of engines that work at a time (default: %(default)s)"),
       seconds=EXCERPT_S, page=PAGE, takes=("seconds", "pieces"))
def ablation(given: Given) -> list[Table]:
    """What each mechanism gives: SDR of engines that lack one, and the difference to the whole engine, in dB.

    Live with 512 samples, presets as in `unheard`. all told: the songs; also in a hall, and told 40 ms early. partner not told:
    only their first stems are told. pianos, company: the unheard pianos, beside a recording, two lines or a band in turn.
    hands, bands: two_hands with `grand-piano`, which knows the piano, alone and with `backgrounds`, and with `gm-piano`, which
    does not know it. An engine with other constants is compiled once, in build/ablation.
    """
    mechanisms = chosen(given["only"])
    rows = list(run(given, mechanisms, cases(given, given["role"], given["seeds"]), given["jobs"]))
    return [Table(named("ablation", given), ablation_table(rows), rows)]
