"""Small note files in every format, as programs write them: C4, E4 and G4 at 0.5, 2 and 3.5 s, for 1 s each."""

import io
import json
import zipfile

NOTES = [(0.5, 1.5, 60), (2.0, 3.0, 64), (3.5, 4.5, 67)]

TABLES = {
    "comma.csv": "onset,offset,pitch\n0.5,1.5,60\n2,3,64\n3.5,4.5,67\n",
    "semicolon.csv": "onset;offset;pitch\n0.5;1.5;60\n2;3;64\n3.5;4.5;67\n",
    "tab.tsv": "onset\toffset\tpitch\n0.5\t1.5\t60\n2\t3\t64\n3.5\t4.5\t67\n",
    "bar.txt": "onset|offset|pitch\n0.5|1.5|60\n2|3|64\n3.5|4.5|67\n",
    "spaces.txt": "onset  offset  pitch\n0.5    1.5     60\n2      3       64\n3.5    4.5     67\n",
    "bare.csv": "0.5,1.5,60\n2,3,64\n3.5,4.5,67\n",
    "bare.txt": "0.5 1.5 60\n2 3 64\n3.5 4.5 67\n",
    "bare_durations.csv": "0.5,1,60\n2,1,64\n3.5,1,67\n",
    "audacity.txt": "0.5\t1.5\tC4\n2\t3\tE4\n3.5\t4.5\tG4\n",
    "decimal_commas.csv": "onset;offset;pitch\n0,5;1,5;60\n2,0;3,0;64\n3,5;4,5;67\n",
    "quoted_commas.csv": 'onset,offset,pitch\n"0,5","1,5",60\n2,3,64\n"3,5","4,5",67\n',
    "libfmp.csv": '"Start";"Duration";"Pitch";"Velocity";"Label"\n0.5;1.0;60;64;"piano"\n2.0;1.0;64;64;"piano"\n'
                  '3.5;1.0;67;64;"piano"\n',
    "maps.txt": "OnsetTime\tOffsetTime\tMidiPitch\n0.5\t1.5\t60\n2.0\t3.0\t64\n3.5\t4.5\t67\n\n",
    "musicnet.csv": "start_time,end_time,instrument,note,start_beat,end_beat,note_value\n22050,66150,1,60,1,1,Half\n"
                    "88200,132300,1,64,2,1,Half\n154350,198450,1,67,3,1,Half\n",
    "names.csv": "onset,offset,pitch\n0.5,1.5,C4\n2,3,E4\n3.5,4.5,G4\n",
    "hertz.csv": "onset,offset,frequency\n0.5,1.5,261.63\n2,3,329.63\n3.5,4.5,392\n",
    "milliseconds.csv": "onset_ms,duration_ms,pitch\n500,1000,60\n2000,1000,64\n3500,1000,67\n",
    "in_brackets.csv": "Onset (ms);Duration (ms);MIDI note\n500;1000;60\n2000;1000;64\n3500;1000;67\n",
    "samples.csv": "onset_samples,offset_samples,pitch\n24000,72000,60\n96000,144000,64\n168000,216000,67\n",
    "beats.csv": "onset_beats,duration_beats,pitch,tempo\n1,2,60,120\n4,2,64,120\n7,2,67,120\n",
    "slower.csv": "start_beat,end_beat,note,bpm\n1,3,60,120\n4,5,64,60\n5.5,6.5,67,60\n",
    "seconds_beside_beats.csv":
        "onset_beat,onset_sec,duration_beat,duration_sec,pitch\n1,.5,2,1,60\n4,2,2,1,64\n7,3.5,2,1,67\n",
    "sonic_visualiser.csv": "0.500000000,60,1.000000000,0.5,New Point\n2.000000000,64,1.000000000,0.5,New Point\n"
                            "3.500000000,67,1.000000000,0.5,New Point\n",
    "sonic_visualiser_named.csv": "TIME,VALUE,DURATION,LEVEL,LABEL\n0.5,60,1,0.5,New Point\n2,64,1,0.5,New Point\n"
                                  "3.5,67,1,0.5,New Point\n",
    "sonic_visualiser_frames.csv": "FRAME,VALUE,DURATION,LEVEL,LABEL\n24000,60,48000,0.5,\n96000,64,48000,0.5,\n"
                                   "168000,67,48000,0.5,\n",
    "tony.csv": "0.5,261.702,1.0\n2.0,329.401,1.0\n3.5,392.11,1.0\n",
    "indexed.csv": ",onset,offset,pitch\n0,0.5,1.5,60\n1,2,3,64\n2,3.5,4.5,67\n",
    "comments.csv": "# made by hand\nonset,offset,pitch\n\n0.5,1.5,60\n% a pause\n2,3,64\n3.5,4.5,67\n",
    "level.csv": "onset,offset,pitch,velocity\n0.5,1.5,60,0.5\n2,3,64,0.5\n3.5,4.5,67,.5\n",
    "excel.csv": "sep=;\nonset;offset;pitch\n0,5;1,5;60\n2;3;64\n3,5;4,5;67\n",
    "bare_commas.txt": "0,5;1,5;60\n2,0;3,0;64\n3,5;4,5;67\n",
    "bare_commas_and_spaces.txt": "0,5 1,5 60\n2,0 3,0 64\n3,5 4,5 67\n",
    "urmp.txt": "0.5\t\t261.63\t\t1.0\n2.0\t\t329.63\t\t1.0\n3.5\t\t392.10\t\t1.0\n",
    "sonic_visualiser_hertz.csv": "TIME,VALUE,DURATION,LEVEL,LABEL\n0.5,261.63,1,0.5,\n2,329.63,1,0.5,\n3.5,392,1,0.5,\n",
    "pretty.csv": "Start,End,Pitch,Velocity,Instrument\n0.5,1.5,60,64,Piano\n2,3,64,64,Piano\n3.5,4.5,67,64,Piano\n",
    "note_array.tsv": "onset_sec\tduration_sec\tonset_tick\tduration_tick\tpitch\tvelocity\ttrack\tid\n"
                      "0.5\t1\t1\t1\t60\t64\t1\tn1\n2\t1\t1\t1\t64\t64\t1\tn2\n3.5\t1\t1\t1\t67\t64\t1\tn3\n",
    "bom_crlf.csv": "\ufeffonset,offset,pitch\r\n0.5,1.5,60\r\n2,3,64\r\n3.5,4.5,67\r\n",
}


def jams(*annotations):
    """A JAMS file of (namespace, data, name of the source)."""
    return json.dumps({"annotations": [{"namespace": kind, "data": data, "annotation_metadata": {"data_source": source}}
                                       for kind, data, source in annotations], "file_metadata": {}, "sandbox": {}})


def observations(notes=NOTES, value=float):
    """The records of these notes in JAMS."""
    return [{"time": onset, "duration": offset - onset, "value": value(pitch), "confidence": None}
            for onset, offset, pitch in notes]


def layer(units="MIDI", value=float, subtype="note"):
    """A layer, in the form that Sonic Visualiser writes."""
    points = "".join(f'<point frame="{round(onset * 48000)}" value="{value(pitch)}" '
                     f'duration="{round((offset - onset) * 48000)}" level="0.5" label="New Point" />\n'
                     for onset, offset, pitch in NOTES)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE sonic-visualiser>\n<sv>\n<data>\n'
            '<model id="1" name="notes" sampleRate="48000" start="0" end="240000" type="sparse" dimensions="3" resolution="1" '
            f'notifyOnAdd="true" dataset="0" subtype="{subtype}" valueQuantization="0" units="{units}" />\n'
            f'<dataset id="0" dimensions="3">\n{points}</dataset>\n</data>\n<display>\n</display>\n</sv>\n')


def hz(pitch):
    """The frequency of a MIDI pitch."""
    return 440 * 2 ** ((pitch - 69) / 12)


# --- written music ----------------------------------------------------------------------------------------------------


def sounding(step, octave, beats=4, staff=1, more="", before=""):
    """A note of MusicXML, with 2 divisions per quarter."""
    return (f"<note{more}>{before}<pitch><step>{step}</step><octave>{octave}</octave></pitch><duration>{2 * beats}</duration>"
            f"<voice>{staff}</voice><type>whole</type><staff>{staff}</staff></note>")


REPEAT = ('<barline location="left"><repeat direction="forward"/></barline>',
          '<barline location="right"><repeat direction="backward"/></barline>')
TEMPO = ('<direction><direction-type><metronome><beat-unit>quarter</beat-unit><per-minute>{0}</per-minute></metronome>'
         '</direction-type><staff>1</staff><sound tempo="{0}"/></direction>')
FORTE = '<direction><direction-type><dynamics><f/></dynamics></direction-type><staff>1</staff></direction>'
BACK = "<backup><duration>8</duration></backup>"
PIANO = ("Piano", "<divisions>2</divisions><time><beats>4</beats><beat-type>4</beat-type></time><staves>2</staves>"
         '<clef number="1"><sign>G</sign><line>2</line></clef><clef number="2"><sign>F</sign><line>4</line></clef>')
CLARINET = ("Clarinet", "<divisions>2</divisions><transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>")


def musicxml(*parts):
    """MusicXML of parts ((name, attributes), measures)."""
    head = ('<?xml version="1.0" encoding="UTF-8"?>\n'
            '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.1 Partwise//EN" ')
    listed = "".join(f'<score-part id="P{number}"><part-name>{name}</part-name></score-part>'
                     for number, ((name, _), _) in enumerate(parts))
    body = "".join(f'<part id="P{number}">' + "".join(
        f'<measure number="{place + 1}">{"" if place else f"<attributes>{about}</attributes>"}{measure}</measure>'
        for place, measure in enumerate(measures)) + "</part>" for number, ((_, about), measures) in enumerate(parts))
    return (f'{head}"http://www.musicxml.org/dtds/partwise.dtd">\n<score-partwise version="3.1"><part-list>{listed}</part-list>'
            f"{body}</score-partwise>")


def two_hands():
    """A measure that is repeated, then a slower one, with a clarinet in B flat."""
    return musicxml(
        (PIANO, [REPEAT[0] + TEMPO.format(60) + FORTE + sounding("C", 5) + BACK + sounding("C", 3, staff=2) + REPEAT[1],
                 TEMPO.format(30) + sounding("E", 5) + BACK + sounding("E", 3, staff=2)]),
        (CLARINET, [REPEAT[0] + sounding("D", 5, more=' dynamics="100"') + REPEAT[1], sounding("A", 4)]))


def mxl(text, container=True):
    """Compressed MusicXML."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        if container:
            archive.writestr("META-INF/container.xml",
                             '<container><rootfiles><rootfile full-path="music.xml"/></rootfiles></container>')
        archive.writestr("music.xml", text)
    return packed.getvalue()


MEI = """<?xml version="1.0" encoding="UTF-8"?>
<mei xmlns="http://www.music-encoding.org/ns/mei"><music><body><mdiv><score>
<scoreDef meter.count="4" meter.unit="4" midi.bpm="60"><staffGrp symbol="brace">
<staffDef n="1" lines="5" clef.shape="G" clef.line="2"/><staffDef n="2" lines="5" clef.shape="F" clef.line="4"/>
</staffGrp></scoreDef><section>
<measure n="1" left="rptstart" right="rptend">
<staff n="1"><layer n="1"><note pname="c" oct="5" dur="2"/><note pname="e" oct="5" dur="2"/></layer></staff>
<staff n="2"><layer n="1"><note pname="c" oct="3" dur="1"/></layer></staff><dynam tstamp="1" staff="1">f</dynam></measure>
<measure n="2"><staff n="1"><layer n="1"><note pname="g" oct="5" dur="1"/></layer></staff>
<staff n="2"><layer n="1"><note pname="g" oct="3" dur="1"/></layer></staff>
<tempo tstamp="1" staff="1" midi.bpm="30">Lento</tempo>
</measure></section></score></mdiv></body></music></mei>
"""
ABC = "X:1\nT:Tune\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n|: C D E F :: G2 A2- | A4 :|\n"
KERN = ("**kern\t**kern\n*clefF4\t*clefG2\n*M4/4\t*M4/4\n*MM60\t*MM60\n=1\t=1\n4C\t4cc\n4D\t4dd\n2E\t2ee\n"
        "==\t==\n*-\t*-\n")
