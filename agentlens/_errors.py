"""What can go wrong, as a small tree.

AgentLensError
├── UnknownFormat     no loader knows the file
├── AmbiguousFormat   two loaders claim the file
└── LensVersionError  a saved lens has another schema version
"""

from __future__ import annotations


class AgentLensError(Exception):
    """Anything agentlens refuses to do, in a sentence that says what was seen and what to do next."""


class UnknownFormat(AgentLensError):
    """A file is in no format agentlens knows; the message lists what each loader looks for."""


class AmbiguousFormat(AgentLensError):
    """More than one loader claims a file; the message names them and how to choose."""


class LensVersionError(AgentLensError):
    """A saved lens has a schema version this agentlens cannot read."""
