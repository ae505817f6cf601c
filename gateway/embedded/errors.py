"""The one error of this package."""


class ServersError(RuntimeError):
    """The embedded servers can't be started, reached or stopped; the message says why and what to do."""
