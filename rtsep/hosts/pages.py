"""The lists that keys open over the meters: controls, presets, messages, keys. Typing searches in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rtsep.hosts.checkup import Checkup
from rtsep.hosts.player import Player
from rtsep.hosts.screen import Listing
from rtsep.hosts.status import Status
from rtsep.hosts.table import CONTROLS, find, shown, targets
from rtsep.presets.families import by_family

Row = tuple[str, str]  # The thing that the row stands for, and its text.
NAMED = {" ": "space", "\t": "Tab", "\n": "Enter", "\r": "Enter"}  # Names of keys without a visible character.
OWN_KEYS = (("up down 1-9", "choose a stem"), ("o", "all controls: change them, and learn knobs and buttons for them"),
            ("/", "presets by family"), ("v", "the last messages"),
            ("C", "a check of level, notes, tuning, blocks and disk"), ("l", "learn a knob for the stem's level"),
            ("i", "the link of the web page, with --remote"), ("?", "these keys"),
            ("Esc", "back, or stop learning a knob"), ("q", "quit"))


@dataclass
class Page:
    """An open list. `act` gets the keys that neither move nor search, and the chosen row; if it gives True, the list closes."""

    title: str
    keys: str
    rows: Callable[[], Sequence[Row]]
    act: Callable[[str, str], bool] = lambda key, of: False
    note: Callable[[str], str] = lambda of: ""
    query: str = ""
    chosen: int = 0

    def found(self) -> list[Row]:
        """The rows that contain the typed text."""
        return [row for row in self.rows() if self.query.lower() in row[1].lower()]

    def press(self, key: str) -> bool:
        """Take a key. Returns True to close the list."""
        rows = self.found()
        self.chosen = min(max(self.chosen, 0), max(len(rows) - 1, 0))
        if key in ("up", "down"):
            self.chosen = min(max(self.chosen + (1 if key == "down" else -1), 0), max(len(rows) - 1, 0))
        elif key in ("\x7f", "\x08"):
            self.query, self.chosen = self.query[:-1], 0
        elif len(key) == 1 and key.isprintable():
            self.query, self.chosen = self.query + key, 0
        elif rows:
            return self.act(key, rows[self.chosen][0])
        return False

    def listing(self) -> Listing:
        """The part that is shown."""
        rows = self.found()
        chosen = min(self.chosen, len(rows) - 1)
        search = f", search: {self.query}" if self.query else ""
        note = self.note(rows[chosen][0]) if rows else "nothing has this name" if self.query else "nothing yet"
        return Listing(self.title + search, [text for _of, text in rows], chosen, note, self.keys)


def controls_page(player: Player) -> Page:
    """All controls, with values and knobs."""
    def row(target: str) -> Row:
        control, of = find(target, player) or (CONTROLS[0], "")
        value = control.text(control.read(player, of))
        return target, f"{shown(target, player):<22} {value:>9}  {player.controls.bound(target)}".rstrip()

    def act(key: str, target: str) -> bool:
        found = find(target, player)
        if found is None:
            return False
        control, of = found
        if key == "\t":
            player.controls.learn(target)
        elif key == "delete":
            player.controls.forget(target)
        elif key == "left" and control.kind != "press":
            control.pressed(player, of, -1)
        elif key in ("right", "\n", "\r"):
            control.pressed(player, of, 1)
        return False

    return Page("Controls", "Esc back  left/right change  Enter press  Tab learn  Del forget  a-z search",
                lambda: [row(target) for target in targets(player)], act,
                lambda target: (find(target, player) or CONTROLS[:1])[0].help)


def presets_page(player: Player, stem: str) -> Page:
    """The presets by family, to choose one for `stem`."""
    presets = by_family()
    width = max(len(name) for _family, name in presets) + 1

    def act(key: str, name: str) -> bool:
        if key == "\t":
            player.controls.learn(f"preset.{name}")
        elif key in ("\n", "\r"):
            player.use_preset(name, stem)
        return key in ("\n", "\r")

    page = Page(f"Presets, now {player.preset_of(stem)}", "Esc back  Enter play  Tab learn a button  a-z search",
                lambda: [(name, f"{name:<{width}} {family}") for family, name in presets], act,
                lambda name: player.controls.bound(f"preset.{name}"))
    page.chosen = next((at for at, (_family, name) in enumerate(presets) if name == player.preset_of(stem)), 0)
    return page


def messages_page(player: Player) -> Page:
    """The last messages, newest first."""
    return Page("The last messages", "Esc back  a-z search",
                lambda: [(str(each.number), f"{each.time} {each.text}") for each in reversed(player.said.last)])


def link_page(lines: Sequence[str]) -> Page:
    """The link of the web page as a QR code: lines of text, the last of which is the link itself."""
    return Page("The page: " + lines[-1], "Esc back", lambda: [(line, line) for line in lines[:-1]])


def check_page(checkup: Checkup, status: Callable[[], Status | None]) -> Page:
    """The results of a check so far. Enter sets the delay of the notes that it offers."""
    def rows() -> list[Row]:
        now = status()
        return [] if now is None else [(row.what, row.text) for row in checkup.rows(now)]

    def act(key: str, _what: str) -> bool:
        if key in ("\n", "\r"):
            checkup.accept()
        return False

    return Page("Check", "Esc back  Enter accept the delay", rows, act,
                lambda _what: "from the last seconds; for a row with … play a little more")


def keys_page(player: Player) -> Page:
    """What each key does; keys that do nothing in this session are left out."""
    table = [(" ".join(dict.fromkeys(NAMED.get(key, key) for key in (*control.more, *control.less))),
              f"{control.name}: {control.help}") for control in CONTROLS if control.more and control.wanted(player)]
    return Page("Keys", "Esc back  a-z search", lambda: [(keys, f"{keys:<18} {text}") for keys, text in (*OWN_KEYS, *table)])
