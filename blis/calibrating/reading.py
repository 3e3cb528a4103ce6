"""Reads measured runs: the format is told by the file's beginning, unless it is given."""

from blis.calibrating.measured_run import MeasuredRun
from blis.foundation.answers import answer, choices
from blis.foundation.checks import check_choice
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path
from blis.foundation.words import listed
from blis.workload.logs.recognition import head_of


def read_measured(where: str, path: object, form: str | None = None) -> list[MeasuredRun]:
    """The measured runs in a file, at least one.

    Parameters
    ----------
    where : str
        What names the path, for messages.
    path : str or Path
    form : str, optional
        Name of the reader.

    Raises
    ------
    ConfigError
        If there is no such file, no reader recognises it, or something in it is wrong.
    """
    file = check_path(where, path)
    forms = choices("measured")
    if form is None:
        head = head_of(file)
        found = [name for name in forms if answer("measured", name).recognises(head)]
        if len(found) != 1:
            what = f"begins like {' and '.join(found)}" if found else "begins like no format of measured runs"
            names = f" ({listed(head.names)})" if head.names else ""
            raise ConfigError(f"{where}: {file} {what}{names}; give format=NAME: {', '.join(found or forms)}.")
        form = found[0]
    runs: list[MeasuredRun] = answer("measured", check_choice("format", form, forms)).read(file)
    for run in runs:
        if not run.is_ok.any():
            raise ConfigError(
                f"{where}: {run.name} in {file} must hold at least one request that was answered; all {len(run)} "
                f"failed: {listed(sorted(set(run.reason)))}."
            )
    return runs
