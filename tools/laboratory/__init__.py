"""The laboratory: what `python tools/lab.py` measures with, and what the tools beside it build with.

| module | what is in it |
| --- | --- |
| study, command | what a study is; the command line that runs one |
| grid | the loop over settings, conditions and pieces; a row for every stem |
| report, plots | tables, CSV files, pages, pictures |
| pieces, conditions | pieces with true stems; what is done to them |
| systems, baselines, oracle_filters, plain_rows | ways to separate a piece, and how a result is judged |
| drums, groove, trio | drum presets from single hits; pieces that are made here |
| sources, shipped, isolated_notes, mixes | where sounds come from; the table of shipped presets; material to train from |
| blended, without | how the templates of several makers become one preset; presets that leave one out |
| songs, unheard, unheard_pianos | a development set for presets that have not heard it: what it consists of; how it is built |
| makers, sampled, scores, performance | whose instruments play there; a sampler; scores; how people play |
| played, following | performances of a score that are made here; the parts that the engine gives to their notes |
| ready | the development set with its presets, all told or in part |
| versions | other versions of the engine, or this one with other constants, each in a process |
| rooms, company, hardships | rooms; what nobody tells; both and notes told wrongly, as conditions |
| studies/ | the studies, by subject |
| workers/ | programs that a study starts, some with another version of rtsep: each a file that imports nothing from here |

A study is pieces x settings x columns:

    @study("suppression", seconds=10.0)
    def suppression(given: Given) -> list[Table]:
        "What it measures, in one line."
        pieces = [*pianos(given, "piano_and_others"), *pianos(given, "two_hands")]
        rows = measure(given, pieces, given.chosen({"as it ships": "", "twice": "suppression=2"}), judge=judge)
        return [Table("suppression", pivot(rows, ["settings"], ["set"], ("sdr_db", "sir_db", "sar_db")), rows)]

Its table then goes between the marks `<!-- begin suppression -->` and `<!-- end suppression -->` of
docs/measurements/benchmarks.md.
"""
