"""Ctrl-C and SIGTERM, by which schedulers take a machine back, end a command in one way from its start to its end."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import NoReturn, ParamSpec

INTERRUPTED = 130

Given = ParamSpec("Given")

#: After this long what was lost is raised again: whoever lost it has returned by then [s].
_AGAIN_S = 0.02


class Interruption(KeyboardInterrupt):
    """What both signals raise: where Python sees its own class pass through `exec`, it dies of SIGINT in the end."""


def interruptible(main: Callable[Given, int]) -> Callable[Given, int]:
    """Let both signals raise `KeyboardInterrupt` all through a command's `main`, and end it well where it does not.

    Parameters
    ----------
    main : callable
        Returns an exit status. It imports what is heavy itself: Python hears signals in its own way until it is called.

    Returns
    -------
    callable
        The same; 130 after a signal that `main` has not dealt with.
    """

    @wraps(main)
    def heard(*arguments: Given.args, **options: Given.kwargs) -> int:
        with _signals_as_interrupts():
            try:
                return main(*arguments, **options)
            except KeyboardInterrupt:
                return interrupted()

    return heard


def interrupted() -> int:
    """Say that somebody stopped the command; the exit status."""
    print("error: interrupted", file=sys.stderr)
    return INTERRUPTED


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # in the background of a shell it is not
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, _terminate)}
    if is_heard:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupt)
    try:
        with _lost_ones_raised_again():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(signal_number: int, frame: object) -> NoReturn:
    raise Interruption


def _terminate(signal_number: int, frame: object) -> NoReturn:
    signal.signal(signal_number, signal.SIG_IGN)  # once is enough: what is being written shall not be interrupted
    raise Interruption


@contextmanager
def _lost_ones_raised_again() -> Iterator[None]:
    """Try once more where nobody can catch, in the end of an object or called back from C: Python only prints it there.

    Compiling and importing do much of both.
    """
    hook, timers = sys.unraisablehook, list[threading.Timer]()

    def lost(unraisable: "sys.UnraisableHookArgs") -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            hook(unraisable)
            return
        signal.signal(signal.SIGTERM, _terminate)
        timers.append(threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGTERM)))
        timers[-1].start()

    sys.unraisablehook = lost
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for timer in timers:
            timer.cancel()
