"""One text for several policies: a line `# === routing ===` begins the source that answers that question."""

import re
from collections.abc import Mapping, Sequence

from blis.foundation.errors import ConfigError
from blis.foundation.words import listed

#: What OpenEvolve puts around the part that a model may change.
_MARKER = re.compile(r"^\s*# EVOLVE-BLOCK-(START|END)\s*$\n?", re.MULTILINE)
_HEADING = re.compile(r"^# === (\w+) ===\s*$")


def joined(sources: Mapping[str, str]) -> str:
    """The sources as one text; a single one without a heading."""
    if len(sources) == 1:
        return next(iter(sources.values()))
    return "\n".join(f"# === {question} ===\n{source.strip()}\n" for question, source in sources.items())


def parted(questions: Sequence[str], text: str) -> dict[str, str]:
    """The sources in a text.

    Raises
    ------
    ConfigError
        If a question has no section, two, or is none of these.
    """
    text = _MARKER.sub("", text)
    if len(questions) == 1:
        lines = text.splitlines(keepends=True)
        return {questions[0]: "".join(lines[1:] if lines and _HEADING.match(lines[0]) else lines)}
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        heading = _HEADING.match(line)
        if heading is None:
            current.append(line)
            continue
        name = heading.group(1)
        if name not in questions or name in sections:
            raise ConfigError(
                f"candidate, line {number}: a heading must name one of {listed(questions)}, each once; got {name!r}."
            )
        current = sections[name] = []
    missing = [question for question in questions if question not in sections]
    if missing:
        raise ConfigError(
            f"candidate: a line '# === {missing[0]} ===' must begin the source that answers it; got none."
        )
    return {question: "\n".join(lines) + "\n" for question, lines in sections.items()}
