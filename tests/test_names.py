"""Names of tracks in any encoding and script: text, file names, and how they are called."""

import unicodedata

import pytest
from midi_bytes import END, TICKS, meta, off, on, read_bytes, smf, track
from render_files import fill, render, report_of

from rtsep.errors import RtsepError
from rtsep.notes.names import decode_name, find_stem, stem_name, stem_names
from rtsep.notes.routing import by_track

NAMES = ["Виолончель", "チェロ", "バイオリン", "左手", "Flöte", "Bässe", "Español", "ΒΙΟΛΙ",
         "小提琴", "피아노", "गिटार", "كمان", "Đàn tranh"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode(name, encoding):
    assert decode_name(name.encode(encoding)) == name


@pytest.mark.parametrize("name", ["左手", "右手", "ピアノ", "ピアノ1", "Piano右手",
                                  "ドラム Kit", "ストリングス", "メロディー", "ベース"])
def test_shift_jis(name):
    assert decode_name(name.encode("shift_jis")) == name


@pytest.mark.parametrize("name", ["Flöte", "Bässe", "Hörner", "Violão", "FLÖTE", "Guitare acoustique à cordes", "Über",
                                  "Größe", "Œuvre", "Piano’s", "Señor Ñandú", "Clarinette en Sib – solo"])
def test_latin_1_and_windows(name):
    assert decode_name(name.encode("cp1252")) == name


@pytest.mark.parametrize("name", ["Скрипка", "Виолончель 2", "Левая рука"])
def test_windows_cyrillic(name):
    assert decode_name(name.encode("cp1251")) == name


def test_any_bytes_are_some_name():
    assert all(isinstance(decode_name(bytes((first, second, 65))), str) for first in range(256) for second in range(256))


@pytest.mark.parametrize("raw, name", [
    ("Скрипка", "скрипка"), ("チェロ", "チェロ"), ("Flöte 1", "flöte_1"), ("ﾋﾟｱﾉ", "ピアノ"),
    ("Ｐｉａｎｏ", "piano"), ("गिटार", "गिटार"),
    ("Violin/Viola: solo*?", "violin_viola__solo__"), ("ⅠⅡ", "iii"), ("a\u202eb", "a_b"),
    ("con", ""), ("ＣＯＭ１", ""), ("♪", ""), ("\u0301", ""),
])
def test_file_names(raw, name):
    assert stem_name(raw) == name


@pytest.mark.parametrize("letter", ["a", "ö", "Ж", "琴", "𠮷"])
def test_long_names_fit_every_file_system(letter):
    for name in stem_names([letter * 99] * 12):
        assert 0 < len(name) <= 64 and len(f"{name}.flac".encode()) <= 255


def test_names_differ_whatever_the_case():
    names = stem_names(["Скрипка", "СКРИПКА", "Straße", "STRASSE", "ΣΑΣ", "σασ"])
    assert len({name.casefold() for name in names}) == 6


@pytest.mark.parametrize("name", NAMES)
def test_names_are_found_however_they_are_typed(name):
    names = stem_names(["first", name])
    for typed in (name, name.upper(), unicodedata.normalize("NFD", name), names[1]):
        assert find_stem(typed, names) == 1
    with pytest.raises(RtsepError, match="the names are: 1 first, 2 "):
        find_stem("oboe", names)


def named(raw, pitch):
    return track((0, meta(3, raw)), (0, on(pitch)), (TICKS, off(pitch)), END)


def test_tracks_of_a_file_become_stems(tmp_path):
    raw = ["左手".encode("shift_jis"), "右手".encode("shift_jis"), "Flöte".encode("latin-1"), "Скрипка".encode()]
    score = read_bytes(tmp_path / "x.mid", smf(*[named(name, 60) for name in raw]))
    assert by_track(score).names == ("左手", "右手", "flöte", "скрипка")


def test_such_stems_are_files_and_can_be_called_by_name(tmp_path):
    fill(tmp_path)
    (tmp_path / "two.mid").write_bytes(smf(named("Виолончель".encode(), 60), named("Flöte".encode("latin-1"), 64)))
    assert render(tmp_path, "--preset", f"{tmp_path / 'small.npz'}@ВИОЛОНЧЕЛЬ", "--set", "gain_db.flöte=-6",
                  midi="two.mid") == 0
    assert [stem["file"] for stem in report_of(tmp_path)["stems"]][:2] == ["виолончель.wav", "flöte.wav"]
    assert (tmp_path / "out" / "виолончель.wav").is_file()
    assert render(tmp_path, "--by", "all", "--group", "x=track:Flöte", midi="two.mid", out="group") == 0
