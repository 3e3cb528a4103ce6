"""Runs a task on what Hydra composes from a command line, and turns whatever happens into an exit status."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blis.foundation.checks import nearest
from blis.foundation.errors import BlisError, ConfigError
from blis.foundation.files import conf_folder

OK, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


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

    def attempt(config: Any) -> None:
        try:
            task(_plain(config))
        except (BlisError, OSError, MemoryError) as error:  # kept from Hydra, which would print more than one line
            failures.append(error)
        finally:
            _remove_if_empty(output_folder())

    try:
        with _command_line(spelled_out(arguments)):
            _compose(config_name, attempt)
        sys.stdout.flush()
    except SystemExit as leaving:  # Hydra leaves this way after --help
        return leaving.code if isinstance(leaving.code, int) else OK
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if _status(error) is None:
            raise
        failures.append(error)
    return max((_report(error) for error in failures), default=OK)


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


def _remove_if_empty(folder: Path) -> None:
    """Hydra makes a job's folder before anything is checked; the working folder was there before."""
    if folder.is_dir() and folder.resolve() != Path.cwd() and not any(folder.iterdir()):
        folder.rmdir()


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


def _report(error: Exception) -> int:
    """Say what is wrong in one line; the exit status."""
    if isinstance(error, BrokenPipeError):  # whoever read the results has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    print(f"error: {' '.join(_message(error).split())}", file=sys.stderr)
    return _status(error) or FAILED


def _status(error: Exception) -> int | None:
    """Exit status; None for what nobody expects, which deserves its traceback."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if isinstance(error, MemoryError) or (isinstance(error, BlisError) and not isinstance(error, ConfigError)):
        return FAILED
    if isinstance(error, ConfigError | HydraException | OmegaConfBaseException | YAMLError | OSError):
        return WRONG_INPUT
    return WRONG_INPUT if isinstance(error, ValueError) and _comes_from_hydra(error) else None


def _message(error: Exception) -> str:
    from hydra.errors import MissingConfigException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        return _unknown_file(str(error.missing_cfg_file), sorted(error.options or ()))
    if isinstance(error, OSError) and not isinstance(error, BlisError):
        return f"{str(error.filename or 'a file')!r} cannot be read or written: {error.strerror or error}."
    if isinstance(error, BlisError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory; use fewer requests or instances. {error}"
    cause = error.__cause__
    more = f" {cause}" if cause is not None and str(cause) not in str(error) else ""
    return f"{error}{more}".partition("\nSee https://hydra.cc")[0]


def _comes_from_hydra(error: Exception) -> bool:
    """Whether Hydra itself raised it: it uses Python's plain errors for some of a user's mistakes."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    module = place.tb_frame.f_globals.get("__name__", "") if place is not None else ""
    return module.partition(".")[0] in ("hydra", "omegaconf")


def _unknown_file(wanted: str, options: list[str]) -> str:
    group, _, name = wanted.rpartition("/")
    if not options:
        return f"configuration {wanted!r} does not exist."
    return f"{group}: no choice named {name!r}{nearest(name, options)} Choices: {', '.join(options)}."
