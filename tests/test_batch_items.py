"""What `rtsep batch` takes for items: folders and manifests, here and behind fsspec addresses."""

import json
from pathlib import Path

import pytest
from batch_files import SONGS, all_done_once, batch, journal, rows, sounds, work_here, write_corpus

from rtsep.batch import places
from rtsep.batch.carried import gather, placed
from rtsep.batch.items import read_items
from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.hosts.render import Job
from rtsep.presets.library import FOLDER, find_preset


def touch(folder, *names):
    """Empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return str(folder)


def ids(given, out="out"):
    return [item.id for item in read_items(str(given), str(out)).items]


def test_a_folder_holds_sound_and_notes_of_the_same_name_in_any_depth(tmp_path):
    given = touch(tmp_path, "b.FLAC", "b.csv", "b.mid", "deep/er/a.wav", "deep/er/a.musicxml", "alone.wav", ".hidden/x.wav",
                  ".hidden/x.mid", "notes.mid")
    found = read_items(given, "out")
    assert [(item.id, Path(item.midi[0]).name) for item in found.items] == [("b", "b.mid"), ("deep/er/a", "a.musicxml")]
    assert found.notes == ("1 sound files without notes of the same name were left out",)


def test_items_that_would_share_a_folder_keep_their_endings(tmp_path):
    given = touch(tmp_path, "a.wav", "a.mp3", "a.mid", "b.wav", "b.mid", "b/c.wav", "b/c.mid")
    assert sorted(ids(given)) == ["a.mp3", "a.wav", "b.wav", "b/c"]


def test_results_inside_the_folder_are_no_items(tmp_path):
    given = touch(tmp_path, "a.wav", "a.mid", "out/a/left.wav", "out/a/left.mid")
    assert ids(given, tmp_path / "out") == ["a"] and len(ids(given, tmp_path / "outside")) == 2


COLUMNS = {"mix": "x/a.wav", "midi": "x/l.mid@left;x/r.mid@right", "preset": "piano;cello@right", "by": "track",
           "set": "mask_power=1.5", "id": "one", "stems": "left=l.wav", "tags": "genre=jazz"}


def write_manifest(folder, ending, lines):
    """The lines as a manifest of this kind."""
    path = folder / f"songs.{ending}"
    if ending == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(lines), path)
    elif ending == "csv":
        text = [",".join(lines[0]), *(",".join(line.values()) for line in lines)]
        path.write_text("\n".join(text) + "\n", encoding="utf-8-sig")
    else:
        path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_manifests_of_every_kind_say_the_same(tmp_path, ending):
    path = write_manifest(tmp_path, ending, [COLUMNS, {**dict.fromkeys(COLUMNS, ""), "mix": "x/b.wav", "midi": "/n/b.mid"}])
    one, two = read_items(str(path), "out").items
    assert (one.id, one.by, one.params, one.tags) == ("one", "track", (("mask_power", "1.5"),), "genre=jazz")
    assert one.midi == (f"{tmp_path}/x/l.mid@left", f"{tmp_path}/x/r.mid@right") and one.presets == ("piano", "cello@right")
    assert one.mix == f"{tmp_path}/x/a.wav" and one.truths == {"left": f"{tmp_path}/l.wav"}
    assert (two.id, two.midi, two.presets, two.by) == ("x/b", ("/n/b.mid",), (), "")


@pytest.mark.parametrize("line, said", [
    ({"midi": "a.mid"}, "line 2: it has no mix"), ({"mix": "a.wav", "presets": "x"}, "no column is called 'presets'"),
    ({"mix": "a.wav", "set": "nothing=1"}, "nothing"), ({"mix": "a.wav", "set": "mask_power"}, "NAME=VALUE"),
    ({"mix": "a.wav", "by": "colour"}, "by colour"), ({"mix": "a.wav", "id": "../x"}, "cannot be the name of a folder"),
    ({"mix": "a.wav", "id": "good"}, "two items have the id"), ({"mix": "a.wav", "id": "good/er"}, "in the folder of the item"),
    ({"mix": "a.wav", "stems": "gone"}, "no such folder")])
def test_mistakes_in_a_manifest_are_told_with_their_line(tmp_path, line, said):
    path = write_manifest(tmp_path, "jsonl", [{"mix": "good.wav"}, line])
    with pytest.raises(RtsepError, match=said) as error:
        read_items(str(path), "out")
    assert "songs.jsonl" in str(error.value)


@pytest.mark.parametrize("name, content, said", [
    ("x.csv", b"\xff\xfe\x00", "UTF-8"), ("x.jsonl", b"[1]", "give an object"), ("x.jsonl", b"{", "line 1 is no JSON"),
    ("x.parquet", b"PAR1", "no Parquet"), ("x.txt", b"", "neither a folder nor a manifest"),
    ("x.csv", b"mix\na,b\n", "more values")])
def test_what_is_no_manifest(tmp_path, name, content, said):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RtsepError, match=said):
        read_items(str(tmp_path / name), "out")


def test_nothing_to_do(tmp_path):
    with pytest.raises(RtsepError, match="has no recordings with notes"):
        read_items(touch(tmp_path, "alone.wav"), "out")
    with pytest.raises(RtsepError, match="is missing"):
        read_items(str(tmp_path / "gone"), "out")


# --- fsspec -----------------------------------------------------------------------------------------------------------


def test_everything_behind_addresses(tmp_path, monkeypatch):
    """fsspec knows this computer's files by the protocol local:// too, which we know nothing of."""
    pytest.importorskip("fsspec")
    work_here(monkeypatch)
    monkeypatch.setattr("rtsep.batch.journal.cache_base", lambda: tmp_path / "cache")
    folder = write_corpus(tmp_path, SONGS[:2])
    assert batch(folder) == 0
    given, out = f"local://{folder}/songs", f"local://{folder}/far"
    options = ["--out", out, "--preset", str(folder / "small.npz")]
    assert main(["batch", given, *options]) == 0
    all_done_once(folder, "far", SONGS[:2])
    assert sounds(folder / "far") == sounds(folder / "out")
    told = [line for line in journal(folder, "far") if line["kind"] == "done"]
    assert main(["batch", given, *options]) == 0 and journal(folder, "far") == told
    assert main(["batch", given, *options, "--check"]) == 0
    assert {row["mix"] for row in rows(folder, "far").values()} == {f"{given}/{name}.wav" for name in SONGS[:2]}


def test_addresses(tmp_path):
    assert places.joined("s3://b/x", "y/z.wav") == "s3://b/x/y/z.wav" and places.parent("s3://b/x/y.csv") == "s3://b/x"
    assert places.joined("s3://b/x", "gs://c/z") == "gs://c/z" and places.joined("/a", "b") == "/a/b"
    assert not places.is_remote("file:///a") and places.local("file:///a/b") == Path("/a/b") and places.is_remote("s3://b")
    pytest.importorskip("fsspec")
    with pytest.raises(RtsepError, match="nobody"), places.reaching("nobody://x"):
        pass


# --- presets travel ---------------------------------------------------------------------------------------------------


def test_presets_travel_with_the_work(tmp_path, monkeypatch):
    """A preset of the user's own is found by its name, one given as a path by its content, where neither file is."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "mine"))
    content = find_preset("cello").read_bytes()
    for name in ("mine/my-cello.npz", "other/path.npz"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    job = Job(Path(), Path(), presets=("my-cello", f"{tmp_path}/other/path.npz@left"))
    carried = gather(job, [job.presets])
    assert len(carried.files) == 2
    for name in ("mine/my-cello.npz", "other/path.npz"):
        (tmp_path / name).unlink()
    there = placed(job, carried)
    assert find_preset("my-cello").read_bytes() == content
    path, _, stem = there.presets[1].rpartition("@")
    assert stem == "left" and Path(path).stem == "path" and Path(path).read_bytes() == content
    with pytest.raises(RtsepError, match="nobody"):
        gather(Job(Path(), Path()), [("nobody",)])
