"""The one exception that the user gets to see."""


class RtsepError(Exception):
    """Something the user can mend.

    The message is one line: what was given, what is allowed, what to do.
    """

    def __init__(self, message: str) -> None:
        # a path may contain a line break, and the message must stay one line
        super().__init__(" ".join(message.splitlines()))
