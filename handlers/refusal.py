"""The one error that a user can mend."""


class Refusal(Exception):
    """A request is not carried out, and the user can mend it.

    The message is Chinese, ready to show: what is wrong, what is allowed now or an example. Nothing of the
    request is stored. Faults of ours are never raised as a refusal.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Misused(Refusal):
    """The arguments do not fit the command; whoever answers adds the usage line and an example."""
