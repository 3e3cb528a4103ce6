"""The errors a user can meet.

BlisError
├── ConfigError (ValueError)          a value in a file, a flag or a call is wrong
├── UnknownChoiceError (LookupError)  a name is not among the choices
├── ContractError (TypeError)         a policy or another answer breaks its folder's contract
├── LawBrokenError (RuntimeError)     the simulator broke one of its own laws: a bug
└── StalledError (RuntimeError)       a run made no progress: says what was stuck
"""


class BlisError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(BlisError, ValueError):
    """A value is wrong; the message names the field, what must hold, and what was got."""


class UnknownChoiceError(ConfigError, LookupError):
    """A name is not among the choices; the message names the nearest one."""


class ContractError(BlisError, TypeError):
    """An answer (policy, scorer, latency model ...) breaks its folder's contract."""


class LawBrokenError(BlisError, RuntimeError):
    """The simulator broke one of its own laws."""


class StalledError(BlisError, RuntimeError):
    """A run made no progress within its budget."""
