"""The Ray cluster that work is sent to: one of this machine that is started here, or one that runs elsewhere.

Ray listens on all interfaces of a machine, and whoever reaches it runs programs as its user. A cluster that is started
here therefore asks for a token: a fresh one, which its own processes inherit and nobody else knows. The token of a
cluster that runs elsewhere is the user's, and comes from the environment alone (RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH).
"""

import importlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from blis.foundation.errors import ConfigError

#: How long a cluster may take to answer, before it counts as absent [s]: its port, then its head.
PORT_TIMEOUT_S, HEAD_TIMEOUT_S = 5.0, 25.0
#: Memory of a local cluster for what is sent to its workers [bytes].
_OBJECT_STORE_BYTES = 200 << 20

_MODE, _TOKEN, _TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # the workers run in this interpreter, whatever started it
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # there is no GPU to hide, and nothing to warn of
}


def started_ray(n_workers: int | None, address: str | None) -> Any:
    """The module `ray`, connected to a cluster; the one of an earlier call if there is one.

    Parameters
    ----------
    n_workers : int ≥ 1, optional
        Cores of a local cluster. None: all of this machine.
    address : str, optional
        Of a cluster that runs: host:port, ray://host:port, or auto. None: a cluster of this machine, which lasts as
        long as the process.

    Raises
    ------
    ConfigError
        If Ray is not installed, does not start, or there is no cluster at the address.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with _environment(_own_token() if address is None else _users_token()), _same_termination():
        try:
            import ray
        except ImportError as error:
            raise ConfigError(
                "evaluator: 'ray' needs the package ray, see the extra 'evolve'; install it, or choose threads or "
                "serial."
            ) from error
        if ray.is_initialized():
            return ray
        options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if address is None:
            # Not "auto": a cluster that somebody else started on this machine, or left behind, is none of ours.
            options |= {
                "num_cpus": n_workers or os.cpu_count(),
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE_BYTES,
            }
        else:
            _check_answers(address)
        _read_environment_again()
        try:
            ray.init(address=address or "local", **options)
        except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            what = f"there is no cluster at {address!r}" if address else "it does not start on this machine"
            raise _unusable(f"{what}: {error}") from error
        return ray


def _own_token() -> dict[str, str | None]:
    """The environment of a cluster of this process alone."""
    return {_MODE: "token", _TOKEN: secrets.token_hex(32), _TOKEN_PATH: None}


def _users_token() -> dict[str, str | None]:
    """The environment of somebody's cluster: the token that the user gives, if any."""
    is_given = os.environ.get(_TOKEN) or os.environ.get(_TOKEN_PATH)
    return {_MODE: os.environ.get(_MODE) or "token"} if is_given else {}


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Change environment variables (None: remove one) for the time of a `with` block."""
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _same_termination() -> Iterator[None]:
    """Keep what the process does when it is told to terminate, which Ray takes for itself."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(before) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _read_environment_again() -> None:
    """Let Ray, which reads the environment once in a process, see it as it is now."""
    raylet: Any = importlib.import_module("ray._raylet")
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def _check_answers(address: str) -> None:
    """Refuse an address where no cluster answers soon: Ray itself would try for many minutes.

    Raises
    ------
    ConfigError
        If none does.
    """
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if separator:
        try:
            socket.create_connection((host.strip("[]"), int(port)), PORT_TIMEOUT_S).close()
        except (OSError, ValueError, OverflowError) as error:
            raise _unusable(f"there is no cluster at {address!r}: {error}.") from error
    if address.startswith("ray://"):
        return
    command = [sys.executable, "-P", "-m", "ray.scripts.scripts", "health-check"]
    command += [] if address == "auto" else ["--address", address]
    try:
        done = subprocess.run(command, capture_output=True, timeout=HEAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise _unusable(f"there is no cluster at {address!r} that answers within {HEAD_TIMEOUT_S:g} s.") from error
    if done.returncode:
        raise _unusable(
            f"there is no cluster at {address!r} that answers this version of Ray, with the token in the environment "
            f"({_TOKEN}) if it asks for one."
        )


def _unusable(why: str) -> ConfigError:
    return ConfigError(f"evaluator: ray cannot be used, because {why.rstrip('. ')}. Choose threads or serial.")
