"""`python -m experiments.peers python=PYTHON [key=value ...] [--json]`: both simulators on one trace, in turn.

`trace` (a Mooncake trace; default: the excerpt that is shipped), `blocks` (tokens of a KV block, 512,64,16), `workers`
(4), `kv_tokens` (memory of each, 2800000), `budget` (most tokens of a step, 8192), `running` (most requests of a batch,
256), `rounds` (3). Exit status: 0 done, 1 a simulator failed, 2 wrong input, 130 interrupted.
"""

import json
import sys
from collections.abc import Sequence

from blis.command.ending import ending
from experiments.peers.children import check_peer
from experiments.peers.comparing import compare
from experiments.peers.options import read_options
from experiments.peers.printing import document, print_tables


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare as the command line says and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if "--help" in words or "-h" in words:
        print(__doc__)
        return 0
    return ending(lambda: _run(words))


def _run(words: list[str]) -> None:
    options = read_options(words)
    results = compare(options, check_peer(options.python))
    if options.json:
        print(json.dumps(document(*results), indent=1))
    else:
        print_tables(*results)


if __name__ == "__main__":
    sys.exit(main())
