"""What whoever writes a candidate is told: the rules of the dialect, and what each question's verb sees."""

import inspect
import re
import sys
from collections.abc import Sequence

from blis.foundation.answers import FOLDERS
from blis.policies.written.vocabulary import (
    ASKED,
    BUILTINS,
    IMPORTS,
    MEMORY_NUMBERS,
    METHODS,
    MOST_STEPS,
    fields_of,
)

_FIELD = re.compile(r"^    (\w+): ([^#\n]*?)\s*#: (.*)$", re.MULTILINE)

_MEANS = {
    "admission": "return 0 to admit the request, 1 to refuse it",
    "routing": "return the index of one of view.candidates, the instance that serves the request",
    "priority": "return a number: a waiting request with a larger one is more urgent on its instance",
    "scheduling": "return a number: the waiting request with the smallest one is taken next",
    "scaling": "write into wanted[pool] how many instances each pool should have; return nothing",
}


def contract(questions: Sequence[str]) -> str:
    """The text, in Markdown."""
    lines = [
        "You write policies of a cluster of LLM inference servers (vLLM-like), in a small dialect of Python. A "
        "simulator runs them and judges by how late answers are, against the best known policies on the same requests.",
        "",
        "## The dialect",
        "",
        "- A module holds imports, constants (numbers, texts, tuples of them) and functions; nothing else is executed.",
        "- Imports: `import math`, `from blis.engine.choice import best_instance`. Nothing else.",
        f"- Python's functions: {', '.join(sorted(BUILTINS))}. Methods: {', '.join(sorted(METHODS))}.",
        f"- math: {', '.join(sorted(IMPORTS['math']))}.",
        "- No classes, try, with, raise, assert, global, recursion, decorators, formatted texts, inner functions.",
        "- Views are read-only; `memory` is a vector of "
        f"{MEMORY_NUMBERS} numbers of your own that start as 0 and stay from decision to decision; `params` is unused.",
        f"- A decision may take {MOST_STEPS:,} steps (turns of loops, calls of own functions).",
        "- Numbers, tuples and lists of numbers, loops and conditions are compiled and cost nothing; dictionaries, "
        "mixed lists and lambdas work too, and are forty times slower.",
        "- Whole numbers have 64 bits. A division by zero, a wrong index or a wrong answer is a failure.",
        "- `best_instance(scores, view.candidates, view.tie_draw)`: the candidate with the largest score; ties drawn.",
    ]
    for question in questions:
        asked, verb = ASKED[question], FOLDERS[question].verb
        lines += ["", f"## {question}: `def {verb}({', '.join(asked.arguments)}):`", "", f"It must {_MEANS[question]}."]
        for name, view in zip(("view", "request"), asked.views, strict=False):
            lines += ["", f"`{name}`:", "", *_described(view)]
    if len(questions) > 1:
        lines += [
            "",
            "Several policies are written in one text: a line such as `# === "
            f"{questions[0]} ===` begins the source that answers a question, imports and helpers of its own included. "
            f"All of {', '.join(questions)} must be there.",
        ]
    return "\n".join(lines) + "\n"


def _described(view: type) -> list[str]:
    """The fields of a view, as its own source explains them."""
    source = inspect.getsource(sys.modules[view.__module__])
    body = source.partition(f"class {view.__name__}(")[2].partition("\n\n\n")[0]
    told = {name: (kind, text) for name, kind, text in _FIELD.findall(body)}
    lines = []
    for name in fields_of(view):
        kind, text = told.get(name, (None, ""))
        if kind is None:
            kind = "Vector" if "Vector" in str(view.__annotations__[name]) else "number"
        each = "[instance or pool] " if "Vector" in kind and view.__name__ == "FleetView" else ""
        each = each or ("[instance] " if "Vector" in kind and name != "candidates" else "")
        lines.append(f"- `{name}` {each}{text}".rstrip())
    return lines
