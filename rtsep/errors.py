"""The one exception that users see."""


class RtsepError(Exception):
    """An error that the user can correct.

    The message is one line: what was given, what is allowed, what to do.
    """

    def __init__(self, message: str) -> None:
        # A path can contain a line break, and the message must stay one line.
        super().__init__(" ".join(message.splitlines()))
