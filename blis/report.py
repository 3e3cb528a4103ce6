"""Command line: one self-contained HTML page about a run, or comparing several.

    python -m blis.report RUN_DIR [RUN_DIR...] [output=FILE.html]

Exit status: 0 the page is written, 2 wrong input, 130 interrupted.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from blis.command.ending import Arguments, ending
from blis.command.terminating import interruptible
from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.files import is_folder, write_text_whole
from blis.foundation.words import shown

_OUTPUT = "output="


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page that the command line asks for, print its path, and return the exit status."""
    options = _parser().parse_args(arguments)
    return ending(lambda: print(_report(options.arguments)))


def _parser() -> Arguments:
    parser = Arguments(
        prog="python -m blis.report",
        description="Make one self-contained HTML page of a run, or of several runs beside one another.",
        epilog="The first run is the baseline of the others. Trace runs for the full page: python -m blis.run "
        "trace=decisions counterfactual=rollout. Exit status: 0 written; 2 wrong input; 130 interrupted.",
    )
    parser.add_argument(
        "arguments",
        nargs="+",
        metavar="RUN_DIR | output=FILE.html",
        help="folders that python -m blis.run has written; where the page goes, by default RUN_DIR/report.html, and "
        "comparison.html for several",
    )
    return parser


def _report(arguments: Sequence[str]) -> Path:
    folders, output = _sorted_out(arguments)
    try:
        import plotly  # noqa: F401
    except ImportError as error:
        raise ConfigError("blis.report needs plotly; install it with pip install plotly.") from error
    from blis.output.page.document import document
    from blis.output.page.folder import read_folders

    runs = read_folders(folders)
    path = output or (folders[0] / "report.html" if len(folders) == 1 else Path("comparison.html"))
    write_text_whole("output", path, document(runs))
    return path


def _sorted_out(arguments: Sequence[str]) -> tuple[list[Path], Path | None]:
    """The run folders, and the output if one is given."""
    outputs = [one.removeprefix(_OUTPUT) for one in arguments if one.startswith(_OUTPUT)]
    folders = [one for one in arguments if not one.startswith(_OUTPUT)]
    for one in folders:
        key, is_setting, _ = one.partition("=")
        if is_setting and not is_folder(Path(one)):
            raise ConfigError(f"report: unknown key {shown(key)}{nearest(key, ['output'])} Keys: output.")
    if len(outputs) > 1:
        raise ConfigError(f"output must be given once; got {' and '.join(map(repr, outputs))}.")
    if not folders:
        raise ConfigError("RUN_DIR must be given: the folder of a run that python -m blis.run has written.")
    if outputs and (not outputs[0] or is_folder(Path(outputs[0]))):
        raise ConfigError(f"output must be the path of a file; got {shown(outputs[0])}.")
    return [Path(one) for one in folders], Path(outputs[0]) if outputs else None


if __name__ == "__main__":
    sys.exit(main())
