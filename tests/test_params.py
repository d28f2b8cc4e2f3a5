"""All parameters: what they accept, what they refuse, and the messages."""

import dataclasses
import re

import pytest

from rtsep.errors import RtsepError
from rtsep.params import PARAMS, defaults, param_of, parse_params

ALL = list(PARAMS.values())
NUMBERS = [param for param in ALL if param.kind in ("int", "float")]
SWITCHES = [param for param in ALL if param.kind == "switch"]
CHOICES = [param for param in ALL if param.kind == "choice"]


def by_name(params):
    return pytest.mark.parametrize("param", params, ids=lambda param: param.name)


def refused(param, value):
    with pytest.raises(RtsepError) as caught:
        param.parse(value)
    message = str(caught.value)
    assert "\n" not in message and param.name in message and param.allowed() in message
    return message


@by_name(ALL)
def test_declared_completely(param):
    assert PARAMS[param.name] is param
    assert re.fullmatch("[a-z][a-z0-9_]*", param.name)
    assert param.kind in ("choice", "switch", "int", "float")
    assert len(param.help) > 10 and param.allowed()
    assert param.parse(param.default) == param.default and type(param.parse(param.default)) is type(param.default)
    with pytest.raises(dataclasses.FrozenInstanceError):
        param.default = 0


@by_name(ALL)
def test_default_survives_as_text(param):
    text = {True: "on", False: "off"}[param.default] if param.kind == "switch" else str(param.default)
    assert param.parse(text) == param.default


@by_name(NUMBERS)
def test_numbers_have_bounds(param):
    assert param.low <= param.default <= param.high and param.low < param.high
    for value in (param.low, param.high, str(param.low), f" {param.high:g} "):
        parsed = param.parse(value)
        assert parsed == float(value) and isinstance(parsed, int if param.kind == "int" else float)
    for value in (param.low - 1, param.high + 1, 1e300, -1e300, str(param.high + 0.5)):
        refused(param, value)


@by_name(NUMBERS)
@pytest.mark.parametrize("value", ["", "many", "nan", "inf", "-inf", float("nan"), float("inf"), "1,5", "0x10", "1 2"])
def test_what_is_no_number_is_refused(param, value):
    refused(param, value)


JSON = pytest.mark.parametrize("value", [None, [1], {}, 10**400], ids=["null", "list", "table", "huge"])


@by_name(SWITCHES + CHOICES)
@JSON
def test_what_presets_may_hold_is_refused(param, value):
    """Presets contain parameters as JSON, which has null, lists, tables and integers without a limit."""
    refused(param, value)


@by_name(NUMBERS)
@JSON
def test_what_presets_may_hold_is_refused_as_a_number(param, value):
    refused(param, value)


@by_name([param for param in NUMBERS if param.kind == "int"])
def test_whole_numbers(param):
    middle = (int(param.low) + int(param.high)) // 2
    assert param.parse(float(middle)) == middle and param.parse(f"{middle}.0") == middle
    refused(param, middle + 0.5)


@by_name([param for param in NUMBERS if param.step])
def test_steps(param):
    assert "steps" in param.allowed()
    assert param.parse(param.low + param.step) == param.low + param.step
    refused(param, param.low + 0.3 * param.step)


@by_name(SWITCHES)
def test_switches(param):
    for word in ("on", "ON", " true ", "yes", "1", 1, True):
        assert param.parse(word) is True
    for word in ("off", "Off", "false", "no", "0", 0, False):
        assert param.parse(word) is False
    for word in ("", "maybe", 2, -1, 0.5, "10"):
        assert "on, off" in refused(param, word)


@by_name(CHOICES)
def test_choices(param):
    for choice in param.choices:
        assert param.parse(choice) == choice and choice in param.allowed()
    for word in ("", "LIVE?", 1, True, param.choices[0] + " "):
        refused(param, word)


def test_units_are_in_the_names_and_declared():
    for ending, unit in (("_samples", "samples"), ("_ms", "ms"), ("_s", "s"), ("_db", "dB")):
        for param in ALL:
            if param.name.endswith(ending) and param.kind in ("int", "float"):
                assert param.unit == unit, param.name


def test_gain_belongs_to_a_stem():
    assert param_of("gain_db.left_hand") is PARAMS["gain_db"]
    assert parse_params({"gain_db.left_hand": "-3", "wet": 1}) == {"gain_db.left_hand": -3.0, "wet": 1.0}
    for name in ("gain_db", "gain_db.", "wet.left_hand", ".left_hand", "", "gain", "GAIN_DB.left"):
        with pytest.raises(RtsepError) as caught:
            param_of(name)
        assert all(known in str(caught.value) for known in PARAMS) and "gain_db.STEM" in str(caught.value)


def test_unknown_and_wrong_are_refused_before_anything_is_used():
    with pytest.raises(RtsepError, match="iteration"):
        parse_params({"wet": 1, "iteration": 5})
    with pytest.raises(RtsepError, match="mask_power"):
        parse_params({"wet": 1, "mask_power": "0.7"})
    assert parse_params({}) == {}


def test_defaults_are_all_and_new_each_time():
    assert set(defaults()) == set(PARAMS)
    defaults()["wet"] = 17
    assert defaults()["wet"] == PARAMS["wet"].default


def test_only_the_mixer_is_live():
    assert {param.name for param in ALL if param.live} == {"gain_db", "wet", "bypass"}
