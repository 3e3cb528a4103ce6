"""Candidates from files, one after the other."""

from pathlib import Path

from blis.foundation.errors import ConfigError
from blis.foundation.files import read_text
from evolve.algorithms.from_script import Params
from evolve.bridges.judging import Judging
from evolve.bridges.sections import parted


def drive(judging: Judging, params: Params, folder: Path) -> None:
    """Hand in every file."""
    parents: tuple[str, ...] = ()
    for text in texts(params):
        try:
            sources = parted(judging.questions, text)
        except ConfigError:
            sources = dict.fromkeys(judging.questions, text)
        verdict = judging.judge(sources, parents)
        parents = (verdict.digest,) if verdict.digest else parents


def texts(params: Params) -> list[str]:
    """What the files hold, those of a folder by their names.

    Raises
    ------
    ConfigError
        If there is no such file, or no file in a folder.
    """
    found: list[Path] = []
    for name in params.candidates:
        path = Path(name)
        inside = sorted(path.glob("*.py")) if path.is_dir() else [path]
        if not inside:
            raise ConfigError(f"algorithm.candidates must be files, or folders with *.py; {name!r} holds none.")
        found += inside
    return [read_text(path) for path in found]


def check(params: Params) -> None:
    """Say before the search begins what is wrong."""
    texts(params)
