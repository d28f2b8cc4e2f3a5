"""Records: one declaration decides what lies in memory, what Python allocates and what compiled code reads."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from rtsep.callbacks.shared import LIVE
from rtsep.grains.memory import GRAINS
from rtsep.kernels import fields
from rtsep.kernels.fields import ALIGNMENT, Part, Record, array, cell, dimensions, link, number, size
from rtsep.stages.call import CALL
from rtsep.stages.records import PLAN, STATE

ROOT = Path(__file__).parents[1]
INNER = Record("Inner", (
    Part("all", (size("rows", "how many"), number("share", "of all"), array("W", "float32", "rows, 3", "templates"))),
))
OUTER = Record("Outer", (
    Part("first", (link("inner", INNER, "what it belongs to"), size("count", "so far", varies=True))),
    Part("second", (array("total", "float32", "rows + 1", "sums", start=lambda values: values["rows"], bound=True),),
         sees=("third",)),
    Part("third", (cell("level", "float32", "changes"), cell("steps", "int64", "changes too"))),
))


def test_words_lie_in_the_order_of_the_parts():
    assert OUTER.dtype.names == ("inner", "count", "total", "level", "steps") and OUTER.dtype.itemsize == 40
    assert [INNER.dtype[name].str for name in INNER.dtype.names] == ["<i8", "<f8", "<i8"]


def test_a_field_that_is_declared_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        Record("Twice", (Part("one", (size("a", ""),)), Part("two", (size("a", ""),))))
    with pytest.raises(ValueError, match="twice"):
        Record("Twice", (Part("a", (size("a", ""),)),))


def test_dimensions_are_sums_of_sizes_and_numbers():
    assert dimensions(("a + b - 1", "3", "a"), {"a": 4, "b": 2}) == (5, 3, 4)


def test_arrays_have_their_size_begin_at_cache_lines_and_are_reset():
    arrays = OUTER.arrays({"rows": 4})
    assert arrays["total"].shape == (5,) and arrays["total"].dtype == np.float32 and not arrays["total"].any()
    assert arrays["total"].ctypes.data % ALIGNMENT == 0
    OUTER.start(arrays, {"rows": 4})
    assert (arrays["total"] == 4).all()


def test_compiled_code_reads_what_python_wrote_and_writes_what_varies(monkeypatch):
    from rtsep.kernels import views

    W, total = np.arange(12, dtype=np.float32).reshape(4, 3), np.zeros(5, np.float32)
    inner = INNER.new({"rows": 4, "share": 0.25, "W": W})
    outer = OUTER.new({"inner": inner, "count": 7, "total": total})
    at = views.viewer(OUTER)

    @njit(error_model="numpy", _nrt=False)
    def run(address):
        view = at(address)
        for i in range(view.total.shape[0]):
            view.total[i] = view.inner.share + i
        view.total[0] = view.inner.W[3, 2]
        view.count = view.count + view.inner.rows
        return view.count

    assert run(outer.ctypes.data) == 11 and outer["count"][0] == 11
    assert total.tolist() == [11, 1.25, 2.25, 3.25, 4.25]


def test_cells_are_numbers_in_compiled_code_and_arrays_of_one_element_in_python():
    from rtsep.kernels import views

    arrays = OUTER.arrays({"rows": 4})
    outer, at = OUTER.new(arrays), views.viewer(OUTER)
    arrays["level"][0] = 0.5

    @njit(error_model="numpy", _nrt=False)
    def run(address):
        third = at(address).third
        third.level += 1
        third.steps = third.steps + 3
        return third.level

    assert run(outer.ctypes.data) == 1.5 and run(outer.ctypes.data) == 2.5
    assert arrays["level"].tolist() == [2.5] and arrays["steps"].tolist() == [6]


@pytest.mark.parametrize("part, seen", [("first", False), ("second", True), ("third", True)])
def test_code_that_is_handed_a_part_sees_that_part_and_what_it_says_it_sees(part, seen):
    from numba.core.errors import TypingError

    from rtsep.kernels import views

    at = views.viewer(OUTER)
    source = f"def run(address):\n    return at(address).{part}.level"
    exec(source, names := {"at": at})
    run, outer = njit(error_model="numpy", _nrt=False)(names["run"]), OUTER.new(OUTER.arrays({"rows": 4}))
    if seen:
        assert run(outer.ctypes.data) == 0
    else:
        with pytest.raises(TypingError):
            run(outer.ctypes.data)


def test_what_does_not_vary_cannot_be_written():
    from numba.core.errors import NumbaError

    from rtsep.kernels import views

    at = views.viewer(INNER)

    @njit(error_model="numpy")
    def run(address):
        at(address).rows = 3

    with pytest.raises((NumbaError, NotImplementedError), match="vary"):
        run(0)


@pytest.mark.parametrize("record", [PLAN, STATE, CALL, GRAINS, LIVE], ids=lambda record: record.name)
def test_every_field_says_what_it_is_and_every_size_is_known(record):
    sizes = {one.name for linked in (record, *(one.kind for one in record.fields.values() if isinstance(one.kind, Record)))
             for one in (*linked.fields.values(), *PLAN.fields.values()) if one.shape is None}
    for one in record.fields.values():
        assert one.meaning
        for dimension in one.shape or ():
            assert all(word.isdigit() or word in sizes for _, word in fields.terms(dimension)), one.name


def test_the_page_about_records_is_as_they_are(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import build_records

    assert build_records.PAGE.read_text(encoding="utf-8") == build_records.page(), "python tools/build_records.py"
    assert "build_records" in sys.modules
