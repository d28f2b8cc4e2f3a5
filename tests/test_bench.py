"""`rtsep bench`: what it reports and how it is asked; never how fast this computer happens to be."""

import contextlib
import io
import json

import numpy as np
import pytest

from rtsep.cli import main
from rtsep.hosts import bench_players, computer
from rtsep.hosts.bench import BLOCK_ROWS, BLOCKS, DEFAULT, STEPS, VARIED, sizes, verdict
from rtsep.hosts.bench_tables import show_bench
from rtsep.notes.score import EVENT

SPREAD = [f"{name}_{unit}" for unit in ("us", "percent") for name in ("p50", "p99", "max")]


@pytest.fixture(scope="module")
def run():
    """`rtsep bench --quick --json`, as short as it can be: what it prints on stdout, and its steps of progress."""
    steps, told = [], io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
        patch.setattr("rtsep.commands.bench.progress_bar", lambda: contextlib.nullcontext(lambda *step: steps.append(step)))
        assert main(["bench", "--quick", "--seconds", "1", "--json"]) == 0
    return told.getvalue(), steps


@pytest.fixture(scope="module")
def report(run):
    return json.loads(run[0])


def check_spread(row):
    assert all(row[key] > 0 for key in SPREAD)
    assert row["work_max_percent"] is None or row["work_max_percent"] > 0
    for unit in ("us", "percent"):
        assert row[f"p50_{unit}"] <= row[f"p99_{unit}"] <= row[f"max_{unit}"]


def test_report_has_everything(report):
    assert set(report) == {"rtsep_version", "date", "seconds", "computer", "preset", "sample_rate", "updates", "blocks", "hops",
                           "activations", "memory", "startup", "processor_share"}
    assert set(report["computer"]) == {"processor", "cores", "system", "python", "numpy", "numba", "llvmlite",
                                       "numpy_threads"}
    threads = report["computer"]["numpy_threads"]
    assert threads is None or threads >= 1
    assert 0 < report["processor_share"] <= 1 and report["seconds"] == 1


def test_every_size_once(report):
    rows = [tuple(row[name] for name in VARIED) for row in report["hops"]]
    assert rows == [tuple(getattr(size, name) for name in VARIED) for size in sizes()]
    assert len(set(rows)) == len(rows) == 1 + sum(len(values) - 1 for values in VARIED.values())
    assert rows[0] == (4096, 128, 10, 2, 2, "live", 5, "encoder+kl")


def test_hops(report):
    for row in report["hops"]:
        check_spread(row)
        assert row["hop_us"] == pytest.approx(1e6 * row["hop_samples"] / 44100, abs=0.01) and row["hops"] >= 50
        assert row["p50_percent"] == pytest.approx(100 * row["p50_us"] / row["hop_us"], abs=0.1)
        if row["open_rows"]:
            assert row["fft_us"] > 0 and row["times_fft"] == pytest.approx(row["p50_us"] / row["fft_us"], rel=0.01)
        else:
            assert row["fft_us"] == 0 and row["times_fft"] is None  # where nothing is open nothing is transformed


def test_blocks(report):
    assert [(row["mode"], row["block_samples"], row["open_rows"]) for row in report["blocks"]] == [
        (mode, block, rows) for mode in ("live", "instant") for rows in BLOCK_ROWS for block in BLOCKS]
    for row in report["blocks"]:
        check_spread(row)
        assert row["verdict"] == verdict(row) and 0 <= row["late"] <= row["blocks"]
        assert (row["late"] > 0) == (row["max_us"] >= row["block_us"]) or row["max_percent"] == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(("p99", "worst", "expected"), [
    (10, 59.9, "safe"), (10, 60, "risky"), (59.9, 500, "risky"), (60, 60, "too small"), (300, 500, "too small")])
def test_verdict(p99, worst, expected):
    """By the engine's own work, and by the clock where no system tells that."""
    work, waiting = {"work_p99_percent": p99, "work_max_percent": worst}, {"p99_percent": 200, "max_percent": 900}
    assert verdict({**work, **waiting}) == expected
    assert verdict({"work_p99_percent": None, "work_max_percent": None, "p99_percent": p99, "max_percent": worst}) == expected


def test_activation_step(report):
    assert [(row["bins"], row["rows"]) for row in report["activations"]] == list(STEPS)
    for row in report["activations"]:
        assert row["updates"] == 10 and row["ours_us"] > 0 and row["numpy_us"] > 0 and row["times_faster"] > 0


def test_both_steps_compute_the_same():
    """The compiled step has a flat row besides, which takes almost nothing of a sound that the rows explain."""
    step = bench_players.Step(513, 20)
    V, h = step._kept[0], step._kept[2][0, :21]
    V[:513] = (step._W[3] + step._W[7]) / 2
    step._V[:] = V[:513]
    step.take_turn()
    plain = step._plain()
    assert plain.argsort()[-2:].tolist() in ([3, 7], [7, 3])
    assert h[:20] == pytest.approx(plain, abs=0.02)


def test_memory_and_start(report):
    memory = report["memory"]
    assert 0 < memory["state_bytes"] < 2 * memory["plan_bytes"] < (memory["process_bytes"] or 1e12)
    assert 0 < report["startup"]["help_s"] < report["startup"]["ready_s"]


@pytest.mark.parametrize("size", sizes(), ids=str)
def test_exactly_as_many_rows_are_open(size):
    """More stems than notes would make a stem silent and cheap: every stem has some."""
    preset = bench_players.load_piano()
    player = bench_players.Player(preset, size, bench_players.stereo_clip()[:, :50000])
    player.take_turn()
    separator = player._separator
    assert separator.open_count == size.open_rows and len(player.times_us) == 12800 // size.hop_samples
    assert len(set(separator.prepared.state["open_stem"][: size.open_rows].tolist())) == min(size.stems, size.open_rows)
    assert separator.counters.closed_rows == separator.counters.unmatched_notes == 0
    assert (separator.activations.sum() > 0) == (size.open_rows > 0)


def test_rows_that_do_not_come_are_noticed(monkeypatch):
    monkeypatch.setattr(bench_players, "_notes", lambda *_: np.zeros(0, EVENT))
    with pytest.raises(RuntimeError, match="0 rows are open instead of 10"):
        bench_players.Player(bench_players.load_piano(), DEFAULT, bench_players.stereo_clip()[:, :50000])


def test_table_is_for_people(report, capsys):
    show_bench(report)
    told = capsys.readouterr().out
    assert told.startswith("Which block sizes are safe on this computer")
    assert all(len(line.rstrip()) <= 120 for line in told.splitlines())
    for text in ("1024 (23.2 ms)", "verdict", "window (N) 8192", "open templates 176", "2049 x 352", "Memory", "Start",
                 "Mode instant:", "mode instant"):
        assert text in told
    for row in report["hops"]:
        assert f" {row['p50_us']:.0f} " in told


@pytest.mark.parametrize(("share", "said"), [(0.99, "programs took 1 % of the time: the computer was free"),
                                             (0.5, "programs took 50 % of the time: close other programs")])
def test_a_busy_computer_is_told(report, capsys, share, said):
    show_bench({**report, "processor_share": share})
    assert said in capsys.readouterr().out


def test_where_the_system_tells_little(report, capsys, monkeypatch):
    """No OpenBLAS, no figure for memory, no fine clock."""
    show_bench({**report, "computer": {**report["computer"], "numpy_threads": None},
                "memory": {**report["memory"], "process_bytes": None},
                **{name: [{**row, "work_max_percent": None} for row in report[name]] for name in ("blocks", "hops")}})
    told = capsys.readouterr().out
    assert "not known here" in told and "?" in told
    monkeypatch.setattr(computer, "_THREAD_COUNTERS", ())
    assert computer.numpy_threads() is None


def test_progress(run):
    ended = dict.fromkeys(what for what, done, total in run[1] if done == total)  # on a busy computer more than once
    assert list(ended) == ["hops", "blocks", "activations"]


@pytest.mark.parametrize("options", [
    ["--seconds", "0"], ["--seconds", "-1"], ["--seconds", "nan"], ["--seconds", "inf"], ["--seconds", "601"],
    ["--seconds", "soon"], ["--seconds"], ["--fast"], ["mix.wav"]])
def test_bad_options_end_in_one_line(options, capsys):
    try:
        code = main(["bench", *options])
    except SystemExit as end:
        code = end.code
    told = capsys.readouterr()
    assert code == 2 and told.out == ""
    assert told.err.count("\n") == 1 and told.err.startswith("rtsep") and "error: " in told.err
