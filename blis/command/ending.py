"""How a command ends: whatever went wrong is one line on standard error and an exit status, never a traceback."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from blis.command.terminating import interrupted
from blis.foundation.errors import BlisError, ConfigError
from blis.foundation.words import one_line

OK, FAILED, WRONG_INPUT = 0, 1, 2

#: What a command reports in one line. Anything else is a defect of the program, and keeps its traceback.
EXPECTED = (BlisError, OSError, MemoryError)


def ending(task: Callable[[], int | None]) -> int:
    """Call the task and return the command's exit status.

    Parameters
    ----------
    task : callable
        Returns an exit status, or None for 0.

    Returns
    -------
    int
        2 if the input is wrong; 1 if the run failed; 130 if it was interrupted. One line on standard error says what
        was wrong.
    """
    try:
        status = task()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return interrupted()
    except EXPECTED as error:
        return report(error)
    return OK if status is None else status


def report(error: Exception, message: str | None = None) -> int:
    """Say what is wrong in one line; the exit status.

    Parameters
    ----------
    error : Exception
    message : str, optional
        In better words than the error's own.
    """
    if _is_of_standard_output(error):
        _give_up_standard_output()
        if isinstance(error, BrokenPipeError):  # whoever read the results has seen enough
            return FAILED
    print(f"error: {one_line(_message(error) if message is None else message)}", file=sys.stderr)
    if isinstance(error, MemoryError) or (isinstance(error, BlisError) and not isinstance(error, ConfigError)):
        return FAILED
    return WRONG_INPUT


def tell(notes: Iterable[str]) -> None:
    """Say on standard error what whoever reads the results should know: standard output has the results alone."""
    for note in notes:
        print(f"note: {one_line(note)}", file=sys.stderr)


class Arguments(argparse.ArgumentParser):
    """A parser that refuses a command line in one line, as everything else is refused."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        print(f"error: {one_line(message)}; see {self.prog} --help", file=sys.stderr)
        self.exit(WRONG_INPUT)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, BlisError):
        what = "standard output" if _is_of_standard_output(error) else repr(str(error.filename or "a file"))
        return f"{what} cannot be read or written: {error.strerror or error}."
    if isinstance(error, MemoryError):
        return f"not enough memory; use fewer requests or instances. {error}"
    return str(error)


def _is_of_standard_output(error: Exception) -> bool:
    """Whether standard output cannot take more: errors of files name the file."""
    if not isinstance(error, OSError) or isinstance(error, BlisError) or error.filename is not None:
        return False
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return isinstance(error, BrokenPipeError)


def _give_up_standard_output() -> None:
    """Let what is still to be written to standard output vanish: the interpreter would fail on it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
