"""Runs a task on what Hydra composes from a command line, and turns whatever happens into an exit status."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from blis.command.ending import EXPECTED, OK, report
from blis.command.overrides import check_arguments
from blis.command.terminating import interrupted
from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.files import conf_folder
from blis.foundation.words import shown

_MERGED = re.compile(r"Error merging override [+]*(?P<key>[^=]+)=(?P<value>.*)", re.DOTALL)
_NO_NUMBER = re.compile(r"invalid literal for int\(\) with base 10: (.*)", re.DOTALL)


def command(
    config_name: str,
    arguments: Sequence[str],
    task: Callable[[dict[str, Any]], None],
    spelled_out: Callable[[Sequence[str]], Sequence[str]] = list,
) -> int:
    """Compose `conf/<config_name>.yaml` with the arguments, call `task` with it once per job, and say how it went.

    Parameters
    ----------
    config_name : str
    arguments : sequence of str
        Hydra's flags and overrides.
    task : callable
        Takes the composed configuration as plain data; prints results to standard output. A job of a sweep that fails
        does not keep the others from running. A job that leaves nothing leaves no folder.
    spelled_out : callable
        What the arguments mean to Hydra.

    Returns
    -------
    int
        Exit status: 0; 2 if the input is wrong; 1 if the run failed; 130 if it was interrupted. One line on standard
        error says what was wrong.
    """
    failures: list[Exception] = []
    defects: list[Exception] = []

    def attempt(config: Any) -> None:
        try:
            _check_output_folder()
            task(_plain(config))
        except EXPECTED as error:  # kept from Hydra, which would print more than one line
            failures.append(error)
        except Exception as error:
            defects.append(error)
            raise
        finally:
            _remove_if_empty(output_folder())

    try:
        check_arguments(arguments)
        meant = spelled_out(arguments)
        with _command_line(meant), _bounded_yaml(), nullcontext() if _may_set_mode(meant) else _composed_once():
            _compose(config_name, attempt)
        sys.stdout.flush()
    except SystemExit as leaving:  # Hydra leaves this way after --help
        return leaving.code if isinstance(leaving.code, int) else OK
    except KeyboardInterrupt:
        return interrupted()
    except Exception as error:
        if defects:
            raise
        failures.append(error)  # Hydra's: it uses Python's plain errors for some of a user's mistakes
    return max((report(error, _message(error)) for error in failures), default=OK)


def _plain(config: Any) -> dict[str, Any]:
    """The composed configuration as plain data, with what it refers to in place."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        document = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error}") from error
    return {str(key): value for key, value in dict(document).items()}  # type: ignore[arg-type]


def output_folder() -> Path:
    """The folder of the job that is running."""
    from hydra.core.hydra_config import HydraConfig

    return Path(HydraConfig.get().runtime.output_dir)


def _check_output_folder() -> None:
    """Refuse a folder without a name, which Hydra takes for the working folder."""
    from hydra.core.hydra_config import HydraConfig

    config = HydraConfig.get()
    for key, value in (("hydra.run.dir", config.run.dir), ("hydra.sweep.dir", config.sweep.dir)):
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(
                f"{key} must be the path of a folder; got {shown(value)}. For the working folder give '.'."
            )


def _remove_if_empty(folder: Path) -> None:
    """Hydra makes a job's folder before anything is checked; the working folder was there before."""
    if folder.is_dir() and folder.resolve() != Path.cwd() and not any(folder.iterdir()):
        folder.rmdir()


def python_is_allowed() -> bool:
    """Whether the command line says allow_python=true: no file can say so in its place."""
    given = [argument.lstrip("+").partition("=") for argument in sys.argv[1:]]
    return any(key == "allow_python" and value.lower() == "true" for key, _, value in given)


def task_overrides() -> list[str]:
    """What the command line overrides in the configuration of the job that is running, as it was written."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    written = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)
    return [str(override) for override in written] if isinstance(written, list) else []


def _compose(config_name: str, task: Callable[[Any], None]) -> None:
    import hydra
    from omegaconf import OmegaConf

    # Two runs of one second must not share a folder.
    OmegaConf.register_new_resolver("process_id", os.getpid, replace=True)
    OmegaConf.register_new_resolver("choices", _choices, replace=True)
    hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=config_name)(task)()


def _choices(group: str) -> str:
    """The choices of a group, for a command's help."""
    return ", ".join(sorted(path.stem for path in (conf_folder() / group).glob("*.yaml")))


@contextmanager
def _bounded_yaml() -> Iterator[None]:
    """Let the files that Hydra composes come through the same bounds as every other YAML file."""
    import omegaconf._utils as omegaconf_utils

    from blis.foundation.strict_yaml import bounded

    original = omegaconf_utils.get_yaml_loader
    omegaconf_utils.get_yaml_loader = lambda: bounded(original())
    try:
        yield
    finally:
        omegaconf_utils.get_yaml_loader = original


def _may_set_mode(arguments: Sequence[str]) -> bool:
    """Whether these arguments may say, themselves or in a file that they name, that a plain command is a sweep."""
    keys = [argument.lstrip("+~").partition("=")[0] for argument in arguments]
    return any(key.startswith(("-", "hydra")) and key != "hydra.run.dir" for key in keys)


@contextmanager
def _composed_once() -> Iterator[None]:
    """Keep Hydra from composing everything a first time only to read `hydra.mode`, which nothing sets."""
    from hydra._internal.hydra import Hydra

    original = Hydra.get_mode
    Hydra.get_mode = lambda *_, **__: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = original  # type: ignore[method-assign]


@contextmanager
def _command_line(arguments: Sequence[str]) -> Iterator[None]:
    """Let Hydra, which reads the process's own command line, see these arguments and raise its errors to us."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [argv[0], *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.pop("HYDRA_FULL_ERROR")
        if full_error is not None:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _message(error: Exception) -> str | None:
    """What is wrong, in better words than Hydra's; None: the error says it itself."""
    from hydra.errors import HydraException, MissingConfigException
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        return _unknown_file(str(error.missing_cfg_file), sorted(error.options or ()))
    if isinstance(error, EXPECTED):
        return None
    cause = error.__cause__
    merged = _MERGED.match(str(error))
    if merged and isinstance(cause, OmegaConfBaseException):
        return _not_merged(merged["key"], merged["value"], cause)
    if isinstance(error, ValueError) and (word := _NO_NUMBER.match(str(error))):
        return f"a part of a list is named by its place, from 0; got {word[1]}."
    more = f" {cause}" if cause is not None and str(cause) not in str(error) else ""
    told = f"{error}{more}".partition("\nSee https://hydra.cc")[0]
    if isinstance(error, HydraException | OmegaConfBaseException):
        return told
    return f"the configuration cannot be composed: {told or type(error).__name__}"


def _not_merged(key: str, value: str, cause: Any) -> str:
    """Why a value cannot go where the command line says."""
    reason = str(cause).partition("\n")[0]
    if reason == "list index out of range":
        return f"{key} must be of an entry that is there; got {cause.full_key}, and the list ends before."
    if reason == "Cannot merge DictConfig with ListConfig":
        wanted = "a list" if cause.object_type is list else "a mapping of keys to values"
        return f"{key} must be {wanted}; got {shown(value)}."
    return f"{key} cannot be {shown(value)}: {reason}"


def _unknown_file(wanted: str, options: list[str]) -> str:
    group, _, name = wanted.rpartition("/")
    if not options:
        return f"configuration {shown(wanted)} does not exist."
    return f"{group}: no choice named {shown(name)}{nearest(name, options)} Choices: {', '.join(options)}."
