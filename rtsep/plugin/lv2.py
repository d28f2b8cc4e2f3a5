"""What LV2 hosts read before they load a plug-in: its ports and presets, in Turtle (LV2 1.18, W3C Turtle)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version

from rtsep.plugin.bundle import PluginForm
from rtsep.plugin.knobs import HostKnob

PREFIXES = """@prefix atom: <http://lv2plug.in/ns/ext/atom#> .
@prefix bufs: <http://lv2plug.in/ns/ext/buf-size#> .
@prefix doap: <http://usefulinc.com/ns/doap#> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix lv2: <http://lv2plug.in/ns/lv2core#> .
@prefix midi: <http://lv2plug.in/ns/ext/midi#> .
@prefix pg: <http://lv2plug.in/ns/ext/port-groups#> .
@prefix pprops: <http://lv2plug.in/ns/ext/port-props#> .
@prefix pset: <http://lv2plug.in/ns/ext/presets#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix state: <http://lv2plug.in/ns/ext/state#> .
@prefix units: <http://lv2plug.in/ns/extensions/units#> .
@prefix urid: <http://lv2plug.in/ns/ext/urid#> .
@prefix work: <http://lv2plug.in/ns/ext/worker#> .
"""
SIDES = {1: ("",), 2: ("_left", "_right")}


def manifest(form: PluginForm, binary: str) -> str:
    """manifest.ttl. `binary`: the name of its file."""
    presets = "".join(f"\n<{form.uri}#preset-{number}> a pset:Preset ; lv2:appliesTo <{form.uri}> ;\n"
                      f"    rdfs:seeAlso <presets.ttl> .\n" for number in range(_preset_count(form)))
    return (f"{PREFIXES}\n<{form.uri}> a lv2:Plugin ; lv2:binary <{binary}> ; rdfs:seeAlso <plugin.ttl> .\n{presets}")


def _preset_count(form: PluginForm) -> int:
    return len(form.programs) if len(form.programs) > 1 else 0


def presets(form: PluginForm) -> str:
    """presets.ttl: one for each program."""
    return PREFIXES + "".join(
        f"\n<{form.uri}#preset-{number}> a pset:Preset ; lv2:appliesTo <{form.uri}> ; rdfs:label {_text(name)} ;\n"
        f'    lv2:port [ lv2:symbol "program" ; pset:value {number} ] .\n'
        for number, name in enumerate(form.programs) if len(form.programs) > 1)


def description(form: PluginForm) -> str:
    """plugin.ttl."""
    minor, micro = _versions(version("rtsep"))
    kind = {1: "MonoGroup", 2: "StereoGroup"}[form.channels]
    parts = [f"<{form.uri}#group_{_symbol(name)}> a pg:{kind}, pg:OutputGroup ;\n"
             f"    lv2:symbol {_text('group_' + _symbol(name))} ; lv2:name {_text(name)} ." for name in ("mix", *form.stems)]
    ports = " ,\n".join(f"    [ {' ; '.join(port)} ; lv2:index {number} ]" for number, port in enumerate(_ports(form)))
    return f"""{PREFIXES}
{chr(10).join(parts)}

<{form.uri}> a lv2:Plugin, lv2:UtilityPlugin ;
    doap:name {_text(form.name)} ;
    doap:license <http://opensource.org/licenses/mit> ;
    lv2:project <urn:rtsep> ;
    lv2:minorVersion {minor} ; lv2:microVersion {micro} ;
    lv2:requiredFeature urid:map ;
    lv2:optionalFeature lv2:hardRTCapable, <http://lv2plug.in/ns/ext/log#log>, work:schedule ;
    lv2:extensionData state:interface, work:interface ;
    pg:mainOutput <{form.uri}#group_mix> ;
    lv2:port
{ports} .

<urn:rtsep> a doap:Project ;
    doap:name "rtsep" ;
    doap:maintainer [ foaf:name "rtsep" ] .
"""


def _versions(release: str) -> tuple[int, int]:
    """LV2's minor and micro version, by which hosts find the newest of two; what is not released is odd."""
    major, minor, micro = (int(number) for number in re.findall(r"\d+", release)[:3])
    return 100 * major + minor, 2 * micro + int(re.fullmatch(r"[\d.]+", release) is None)


def _ports(form: PluginForm) -> Iterator[list[str]]:
    """In the order in which native/lv2.c knows them."""
    for side in SIDES[form.channels]:
        yield ["a lv2:InputPort, lv2:AudioPort", f'lv2:symbol "in{side}"', f"lv2:name {_text('In' + side.replace('_', ' '))}"]
    yield ["a lv2:InputPort, atom:AtomPort", "atom:bufferType atom:Sequence", "atom:supports midi:MidiEvent",
           "lv2:designation lv2:control", 'lv2:symbol "midi"', 'lv2:name "MIDI"']
    for name in ("mix", *form.stems):
        for number, side in enumerate(SIDES[form.channels]):
            place = {1: "center", 2: ("left", "right")[number]}[form.channels]
            yield ["a lv2:OutputPort, lv2:AudioPort", f"lv2:symbol {_text(_symbol(name) + side)}",
                   f"lv2:name {_text(name.replace('_', ' ') + side.replace('_', ' '))}",
                   f"pg:group <{form.uri}#group_{_symbol(name)}>", f"lv2:designation pg:{place}"]
    yield ["a lv2:OutputPort, lv2:ControlPort", 'lv2:symbol "latency"', 'lv2:name "Latency"', "lv2:designation lv2:latency",
           "lv2:portProperty lv2:reportsLatency, lv2:integer, pprops:notOnGUI", "lv2:minimum 0", "lv2:maximum 65536",
           "units:unit units:frame"]
    for knob in form.knobs:
        yield _control(knob)


def _control(knob: HostKnob) -> list[str]:
    port = ["a lv2:InputPort, lv2:ControlPort"]
    if knob.kind == "bypass":  # LV2 has the opposite: whether the plug-in is on.
        return [*port, 'lv2:symbol "enabled"', 'lv2:name "Enabled"', "lv2:designation lv2:enabled",
                "lv2:portProperty lv2:toggled", "lv2:minimum 0", "lv2:maximum 1", f"lv2:default {1 - int(knob.start)}"]
    port += [f"lv2:symbol {_text(_symbol(knob.symbol))}", f"lv2:name {_text(knob.name)}", f"lv2:minimum {knob.least:.9g}",
             f"lv2:maximum {knob.most:.9g}", f"lv2:default {knob.start:.9g}"]
    if knob.whole:
        kind = "lv2:toggled" if (knob.least, knob.most) == (0, 1) and not knob.points else "lv2:integer"
        port.append(f"lv2:portProperty {kind}" + (", pprops:expensive" if knob.points else "")
                    + (", pprops:notAutomatic" if knob.restart else ""))
    if knob.points:
        points = ", ".join(f"[ rdfs:label {_text(name)} ; <http://www.w3.org/1999/02/22-rdf-syntax-ns#value> {number} ]"
                           for number, name in enumerate(knob.points))
        port += ["lv2:portProperty lv2:enumeration", f"lv2:scalePoint {points}"]
    if knob.kind == "gain":
        port.append("units:unit units:db")
    return port


def _symbol(name: str) -> str:
    """A name that LV2 allows as a symbol."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name if name[:1].isalpha() else f"_{name}")


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
