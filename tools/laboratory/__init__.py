"""The laboratory: the parts with which `python tools/lab.py` measures, and with which the other tools build.

| module | what is in it |
| --- | --- |
| study, command | what a study is; the command line that runs one |
| grid | the loop over settings, conditions and pieces, with a row for every stem |
| report, plots | tables, CSV files, pages, pictures |
| pieces, conditions | pieces with true stems; changes of them |
| systems, baselines, oracle_filters, plain_rows | ways to separate a piece, and measures of the result |
| drums, groove, trio | drum presets from single hits; pieces that are made here |
| sources, shipped, isolated_notes, mixes | sources of sounds; the table of shipped presets; material for training |
| blended, without | one preset from the templates of several makers; presets that leave one maker out |
| songs, unheard, unheard_pianos | a development set for presets that have not heard it: its contents, and how it is built |
| makers, sampled, scores, performance | the makers of its instruments; a sampler; scores; human playing |
| played, following | performances of a score, made here; the parts that the engine gives to their notes |
| warps, warped_pieces | scores that are not in time, made from performances; the pieces for them |
| ready | the development set with its presets, with all notes told, or some of them |
| versions | other versions of the engine, or this version with other constants, each in a process |
| rooms, company, hardships | rooms; sounds whose notes are not told; both of them and wrong notes, as conditions |
| studies/ | the studies, by subject |
| workers/ | programs that a study starts, some with another version of rtsep: files that import nothing from here |

A study is pieces x settings x columns:

    @study("suppression", seconds=10.0)
    def suppression(given: Given) -> list[Table]:
        "What it measures, in one line."
        pieces = [*pianos(given, "piano_and_others"), *pianos(given, "two_hands")]
        rows = measure(given, pieces, given.chosen({"as it ships": "", "twice": "suppression=2"}), judge=judge)
        return [Table("suppression", pivot(rows, ["settings"], ["set"], ("sdr_db", "sir_db", "sar_db")), rows)]

Its table goes between the marks `<!-- begin suppression -->` and `<!-- end suppression -->` of docs/measurements/benchmarks.md.
"""
