"""Compiles, or loads from the disk cache, everything that policies may need, so that workers find it there."""

from blis.binding import QUESTIONS, choices, compiled_answer
from blis.engine.loop import compiled_loop


def warm() -> None:
    """Compile the loop and every answer that a policy can name."""
    compiled_loop()
    for folder in (*QUESTIONS, "scoring"):
        for name in choices(folder):
            compiled_answer(folder, name)
