"""The worst value of a figure over some time."""

from rtsep.hosts.worst import RECENT_S, Worst


def test_the_worst_of_the_last_seconds_and_of_the_session():
    worst = Worst()
    assert worst.session == 0
    assert [worst.note(at_s, value) for at_s, value in ((0, 0.2), (0.1, 0.9), (0.2, 0.1), (RECENT_S, 0.3))] == [
        0.2, 0.9, 0.9, 0.9]
    assert worst.note(RECENT_S + 0.15, 0.1) == 0.3 and worst.session == 0.9
