"""Invalid options of `rtsep live`: one line, exit code 2, and nothing large is loaded before."""

import fresh_python
import pytest

REFUSED = [
    (("--jack", "--route", "piano=1"), "--route does not go with --jack"),
    (("--jack", "--input", "x"), "--input does not go with --jack"),
    (("--jack", "--output", "x"), "--output does not go with --jack"),
    (("--jack", "--outputs", "4"), "--outputs does not go with --jack"),
    (("--jack", "--rate", "44100"), "--rate does not go with --jack: the JACK server decides it"),
    (("--jack", "--block", "64"), "--block does not go with --jack: the JACK server decides it"),
    (("--jack", "--allow-feedback"), "--allow-feedback does not go with --jack"),
    (("--channels", "1"), "--channels needs notes"),
    (("--midi-offset-ms", "20"), "--midi-offset-ms needs notes"),
    (("--split", "C3"), "--split C3 needs --by split"),
    (("--pre-fader",), "--pre-fader needs outputs of single stems"),
    (("--midi", "x", "--channels", "17"), "1 to 16"),
    (("--by", "channel"), "--by channel needs notes"),
    (("--jack", "--by", "channel"), "needs the channels"),
    (("--route", "piano"), "give STEM=OUTPUTS"),
    (("--inputs", "-1"), "--inputs -1"),
    (("--rate", "-1"), "--rate -1"),
    (("--block", "99999"), "allowed is 0 to 16384"),
    (("--by", "split", "--split", "H9"), "H9"),
    (("--preset", "nothing"), "no preset is called 'nothing'"),
    (("--preset", "piano", "--preset", "violin"), "say which stem each plays"),
    (("--preset", "gone.npz"), "gone.npz: there is no such file"),
    (("--mosaic", "gone.wav"), "--mosaic gone.wav: there is no such file"),
    (("--by", "drum", "--drum-map", "gone.txt"), "--drum-map gone.txt: there is no such file"),
    (("--score", "x.mid", "--follow", "keys"), "--score needs the notes"),
    (("--score", "gone.mid"), "--score gone.mid: there is no such file"),
    (("--midi", "x", "--score", "gone.mid"), "--score gone.mid: there is no such file"),
    (("--midi", "x", "--by", "split", "--score", "x.mid"), "--score and --by split do not go together"),
    (("--set", "nonsense=1"), "no parameter is called 'nonsense'"),
    (("--mode", "fast"), "invalid choice: 'fast'"),
    (("--remote-bind", "0.0.0.0"), "--remote-bind needs --remote"),
    (("--remote-port", "80"), "--remote-port needs --remote"),
    (("--check", "--remote"), "--check and --remote do not go together"),
    (("--check", "--osc"), "--check and --osc do not go together"),
    (("--remote", "--remote-port", "70000"), "--remote-port 70000: allowed is 1 to 65535"),
    (("--remote", "--remote-bind", "my-computer"), "--remote-bind my-computer: give an IP address"),
    (("--osc-bind", "0.0.0.0"), "--osc-bind needs --osc"),
    (("--osc", "0"), "--osc 0: allowed is 1 to 65535"),
    (("--ipnut", "x"), "unrecognized arguments: --ipnut"),
]


def test_invalid_options_are_one_line_without_large_imports():
    """All run in one Python process in which NumPy, Numba and the sound libraries cannot be imported."""
    told = fresh_python.run("""
        import contextlib, io, sys
        for name in ("numpy", "numba", "rich", "sounddevice", "jack", "rtmidi"):
            sys.modules[name] = None
        from rtsep.cli import main
        for words in eval(sys.argv[1]):
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                try:
                    code = main(["live", *words])
                except SystemExit as ended:
                    code = ended.code
            print(code, said.getvalue().replace(chr(10), chr(0)))
    """, None, repr([words for words, _sentence in REFUSED])).splitlines()
    assert len(told) == len(REFUSED)
    for line, (words, sentence) in zip(told, REFUSED, strict=True):
        assert line.startswith("2 ") and sentence in line and line.count("\0") == 1, (words, line)


@pytest.mark.parametrize("words", [
    ("--jack", "--inputs", "4", "--midi", "x", "--channels", "1", "--by", "channel", "--pre-fader", "--measure-latency"),
    ("--route", "piano=3-4", "--pre-fader", "--midi", "x", "--by", "split", "--split", "C3", "--midi-offset-ms", "5"),
])
def test_valid_options_pass(words):
    from rtsep.cli import _build_parser
    from rtsep.commands.live_checks import check

    check(_build_parser().parse_args(["live", *words]))
