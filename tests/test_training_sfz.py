"""SFZ instruments as people have them: which sample is which pitch, what is left out, and what is said."""

import pytest
from instruments import tone, write_sound
from sample_files import add_chunk, folder_of, smpl

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.training.sfz import sfz_samples

SOUNDS = (60, 64, 67)


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path, {f"S/n{pitch}.wav": pitch for pitch in (*SOUNDS, 72)}, 0.3)


def learnt(folder, text):
    """[(file, pitch, velocity)] of an instrument with this text, and what is said."""
    path = folder / "a.sfz"
    path.write_text(text)
    found = sfz_samples(path)
    return [(each.path.name, each.pitch, each.velocity) for each in found.samples], found.warnings


def pitches(folder, text):
    found, said = learnt(folder, text)
    assert said == ()
    return {int(name[1:3]): pitch for name, pitch, _ in found}


def refused(folder, text, *words):
    with pytest.raises(RtsepError) as caught:
        learnt(folder, text)
    assert "\n" not in str(caught.value) and all(word in str(caught.value) for word in words), str(caught.value)


def keyed(*keys):
    return "".join(f"<region> sample=S\\n{pitch}.wav key={key}\n" for pitch, key in zip(SOUNDS, keys, strict=True))


# --- pitches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    keyed(60, 64, 67), keyed("c4", "E4", "g4"), "<control> octave_offset=1\n" + keyed(48, 52, 55),
    "<control> note_offset=12\n" + keyed(48, 52, 55), "<control> note_offset=-12 octave_offset=2\n" + keyed(48, 52, 55),
    "<group> pitch_keycenter=72\n" + keyed(60, 64, 67), "<global> key=10\n" + keyed(60, 64, 67),
    "<global> transpose=-12\n" + keyed(48, 52, 55), "<global> tune=-1200\n" + keyed(48, 52, 55),
    "<control> note_offset=5 <group> lokey=0 <control> note_offset=0\n" + keyed(60, 64, 67),
])
def test_pitches(folder, text):
    assert pitches(folder, text) == {60: 60, 64: 64, 67: 67}


def test_transposed_samples_are_those_of_other_keys(folder):
    found, said = learnt(folder, "<global> transpose=12\n" + keyed(60, 64, 67))
    assert [(name, pitch) for name, pitch, _ in found] == [("n60.wav", 48), ("n64.wav", 52), ("n67.wav", 55)]
    assert len(said) == 1 and "sound 1 octave higher than the keys" in said[0] and "octave_offset=1" in said[0]
    assert pitches(folder, "<region> sample=S/n60.wav pitch_keycenter=50 transpose=5 pitch_keytrack=50") == {60: 40}


def test_the_later_opcode_counts(folder):
    assert pitches(folder, "<region> sample=S/n60.wav pitch_keycenter=72 key=60") == {60: 60}
    assert pitches(folder, "<region> sample=S/n60.wav key=60 pitch_keycenter=72") == {60: 72}
    assert pitches(folder, "<group> key=60 <region> sample=S/n60.wav pitch_keycenter=62") == {60: 62}


@pytest.mark.parametrize("root, keys, want", [(63, "lokey=58 hikey=62", 63), (None, "lokey=58 hikey=69", 64)])
def test_the_file_says_its_centre(folder, root, keys, want):
    """By its chunk, else by its sound."""
    if root:
        add_chunk(folder / "S" / "n64.wav", b"smpl", smpl(root))
    assert pitches(folder, f"<region> sample=S/n64.wav {keys} pitch_keycenter=sample") == {64: want}


# --- include, define, paths -------------------------------------------------------------------------------------------


def test_include_and_define(folder):
    (folder / "parts").mkdir()
    (folder / "parts" / "Keys.sfz").write_text("#define $MIDDLE 60\n#define $MIDDLEX 64\n#include \"parts/more.sfz\"")
    (folder / "parts" / "more.sfz").write_text("<region> sample=S/n$ROOT.wav key=$MIDDLE // a comment\n")
    assert pitches(folder, '#define $ROOT 60\n#include "Parts\\keys.SFZ"\n'
                           "<group> #define $S S/n64 <region> sample=$S.wav key=$MIDDLEX") == {60: 60, 64: 64}
    again = '#define $N 60\n#include "one.sfz"\n#define $N 67\n#include "one.sfz"\n'
    (folder / "one.sfz").write_text("<region> sample=S/n$N.wav key=$N")
    assert pitches(folder, again) == {60: 60, 67: 67}


def test_includes_that_cannot_be_followed(folder):
    refused(folder, '#include "a.sfz"', "without end", "#include")
    refused(folder, '#include "none.sfz"', "a.sfz", "none.sfz", "missing")


def test_paths_in_other_letters(folder):
    assert pitches(folder, "<control> default_path=s\\N\n<region> sample=60.WAV key=60") == {60: 60}
    write_sound(folder / "S" / "n60 piano f.wav", tone(60, 0.3))
    assert pitches(folder, "<region> key=60 sample=S/n60 Piano F.wav\nlovel=3") == {60: 60}
    (folder / "a.sfz").write_bytes(b"\xef\xbb\xbf<region>\r\nsample=S/n60.wav\r\nkey=61\r\n")
    assert [each.pitch for each in sfz_samples(folder / "a.sfz").samples] == [61]


def test_missing_samples_are_left_out_and_said(folder):
    found, said = learnt(folder, keyed(60, 64, 67) + "<region> sample=S/n70.wav key=70\n")
    assert len(found) == 3 and "S/n70.wav" in said[0] and "left out" in said[0]
    many = "".join(f"<region> sample=none{key}.wav key={key}\n" for key in range(5))
    assert "none0.wav, none1.wav, none2.wav and 2 more" in learnt(folder, keyed(60, 64, 67) + many)[1][0]
    refused(folder, many, "none0.wav", "missing", "complete instrument")


# --- what is no note as usually played --------------------------------------------------------------------------------


@pytest.mark.parametrize("opcodes", [
    "trigger=release", "trigger=release_key", "trigger=legato", "on_locc64=127 on_hicc64=127", "start_locc64=1", "locc64=64",
    "hikey=-1", "lokey=-1 hikey=-1", "key=-1", "sw_down=24", "end=-1", "locc1=1 hicc1=127",
])
def test_releases_pedals_and_noises_are_left_out(folder, opcodes):
    assert pitches(folder, keyed(60, 64, 67) + f"<region> sample=S/n72.wav key=72 {opcodes}") == {60: 60, 64: 64, 67: 67}
    refused(folder, f"<region> sample=S/n72.wav key=72 {opcodes}", "sounds when a key is struck")


def test_controllers_at_the_start(folder):
    text = "<region> sample=S/n60.wav key=60 {} <region> sample=S/n64.wav key=64"
    assert 60 in pitches(folder, text.format("locc7=90 hicc64=63"))
    assert 60 in pitches(folder, "<control> set_cc20=100\n" + text.format("locc20=64"))
    assert 60 not in pitches(folder, text.format("locc20=64"))


SWITCHED = """<global> sw_lokey=24 sw_hikey=26 {}
<group> sw_last=24 sw_label=Staccato <region> sample=S/n60.wav key=60
<group> sw_last=25 sw_label=Sustain <region> sample=S/n64.wav key=64
<group> <region> sample=S/n67.wav key=67"""


@pytest.mark.parametrize("default, want, label", [
    ("sw_default=25", [64, 67], "25 (Sustain)"), ("sw_default=c#1", [64, 67], "25 (Sustain)"), ("", [60, 67], "24 (Staccato)"),
    ("sw_default=26", [60, 67], "24 (Staccato)"),
])
def test_the_default_articulation(folder, default, want, label):
    found, said = learnt(folder, SWITCHED.format(default))
    assert [pitch for _, pitch, _ in found] == want and label in said[0] and "1 regions of others" in said[0]


def test_layers_and_round_robins(folder):
    text = """<group> key=60 lovel=1 hivel=63
<region> sample=S/n60.wav seq_length=2 seq_position=1 <region> sample=S/n64.wav seq_length=2 seq_position=2
<group> key=60 lovel=64 <region> sample=S/n67.wav hirand=0.5 <region> sample=S/n72.wav lorand=0.5"""
    assert learnt(folder, text)[0] == [("n60.wav", 60, 32), ("n64.wav", 60, 32), ("n67.wav", 60, 96), ("n72.wav", 60, 96)]


@pytest.mark.parametrize("opcode", ["key=middle", "note=1 lovel=soft", "transpose=x", "locc1=a"])
def test_broken_opcodes(folder, opcode):
    refused(folder, f"<region> sample=S/n60.wav {opcode}", "a.sfz", "S/n60.wav", "broken", opcode.split()[-1])


def test_the_command_says_what_was_left_out(folder, capsys):
    (folder / "a.sfz").write_text(keyed(60, 64, 67) + "<region> sample=S/n70.wav key=70\n")
    assert main(["train", str(folder / "a.sfz"), "-o", str(folder / "p.npz"), "--no-picture", "--no-fill"]) == 0
    printed = capsys.readouterr()
    assert "3 trained (60 to 67)" in printed.out and "S/n70.wav" in printed.err
    (folder / "a.sfz").write_text("<region> sample=S/n60.wav key=middle")
    assert main(["train", str(folder / "a.sfz"), "-o", str(folder / "q.npz")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "key=middle" in error
