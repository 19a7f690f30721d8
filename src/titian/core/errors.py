"""The tree of errors. Only faces (``web``, ``cli``) turn one into an HTTP status or an exit code.

::

    TitianError                      what went wrong, and what to do next
    ├── InvalidInput                 what was given cannot be read
    │   ├── InvalidTimestamp         not an RFC 3339 timestamp as STIX 2.1 section 2.16 wants it
    │   ├── InvalidFilter            a TAXII filter or page token that cannot be used
    │   └── UnreadableFile           a file that is not what its format says
    ├── NotFound                     no such thing, or none that this reader may know of
    ├── Forbidden                    the reader may know of it, but may not do this
    ├── AlreadyExists                a name or identifier that is taken
    ├── TooLarge                     more than the configured bound
    ├── Refused                      a safety rule stopped it; a person must decide
    ├── Unavailable                  a part of the node does not answer; trying again can help
    └── PeerError                    another system answered wrongly, or not at all
        ├── PeerRefused              it said no: credentials, rights, unknown collection
        └── PeerUntrusted            it breaks the protocol or a bound of ours
"""

from __future__ import annotations


class TitianError(Exception):
    """The root: a sentence that says what is wrong, and optionally what to do next."""

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}" if self.advice else self.message


class InvalidInput(TitianError):
    """What was given cannot be read."""


class InvalidTimestamp(InvalidInput, ValueError):
    """Not an RFC 3339 timestamp as STIX 2.1 section 2.16 wants it."""


class InvalidFilter(InvalidInput):
    """A TAXII filter or page token that cannot be used."""


class UnreadableFile(InvalidInput):
    """A file that is not what its format says."""


class NotFound(TitianError):
    """No such thing, or none that this reader may know of."""


class Forbidden(TitianError):
    """The reader may know of it, but may not do this."""


class AlreadyExists(TitianError):
    """A name or identifier that is taken."""


class TooLarge(TitianError):
    """More than the configured bound."""


class Refused(TitianError):
    """A safety rule stopped it; a person must decide."""


class Unavailable(TitianError):
    """A part of the node does not answer; trying again can help."""


class PeerError(TitianError):
    """Another system answered wrongly, or not at all."""


class PeerRefused(PeerError):
    """The other system said no: credentials, rights, unknown collection."""


class PeerUntrusted(PeerError):
    """The other system breaks the protocol or a bound of ours."""
