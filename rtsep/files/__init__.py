"""Files: sound files, archives of arrays, and results that appear whole or not at all.

Enters: paths. Leaves: arrays [channel, sample], and finished files. May import: errors. Only this room imports `soundfile` and
starts ffmpeg.
"""
