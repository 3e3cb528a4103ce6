"""The loads that a server is observed at: those that prices are learnt from, and others that are only predicted."""

from typing import NamedTuple

TRAIN, HELD_OUT, REPEAT = "train", "held-out", "repeat"

#: Words of `blis.observe`: prompts of 128 tokens and answers of 32, within the server's step budget.
LENGTHS = (
    *("workload=distribution", "workload.prompt_tokens_mean=128", "workload.prompt_tokens_stdev=64"),
    *("workload.prompt_tokens_min=16", "workload.prompt_tokens_max=400", "workload.output_tokens_mean=32"),
    *("workload.output_tokens_stdev=16", "workload.output_tokens_min=4", "workload.output_tokens_max=96"),
)


class Level(NamedTuple):
    """One observation: so many requests at a rate, with lengths and prefixes of its own."""

    name: str
    role: str  #: TRAIN, HELD_OUT, or REPEAT: a level of the training once more, to see the server's own noise
    rate: float  #: requests/s
    num_requests: int
    seed: int
    changes: tuple[str, ...] = ()  #: further words, which win over `LENGTHS`

    def words(self) -> tuple[str, ...]:
        """The words of `blis.observe` that send this load."""
        changed = {word.partition("=")[0] for word in self.changes}
        kept = [word for word in LENGTHS if word.partition("=")[0] not in changed]
        amount = (f"workload.rate={self.rate:g}", f"workload.num_requests={self.num_requests}", f"seed={self.seed}")
        return (*kept, *amount, *self.changes)


#: Saturation is at about 7 requests/s: 75 ms for a prompt, 32 tokens in steps of some 22 ms for 16 requests. One level
#: of the training must fill the batch: nothing else tells what is spent in steps from what is spent beside them.
LEVELS = (
    Level("low", TRAIN, 1.5, 50, 31),
    Level("middle", TRAIN, 3.5, 120, 32),
    Level("full", TRAIN, 7.5, 200, 33),
    Level("between", HELD_OUT, 2.5, 80, 41),
    Level("nearly-full", HELD_OUT, 5.5, 170, 42),
    Level("overload", HELD_OUT, 9, 200, 43),
    Level(
        *("long-prompts", HELD_OUT, 1.8, 60, 44),
        (
            *("workload.prompt_tokens_mean=400", "workload.prompt_tokens_stdev=200", "workload.prompt_tokens_max=1200"),
            *("workload.output_tokens_mean=24", "workload.output_tokens_stdev=8"),
        ),
    ),
    Level(
        *("long-answers", HELD_OUT, 2.5, 60, 45),
        (
            *("workload.prompt_tokens_mean=48", "workload.prompt_tokens_stdev=16", "workload.output_tokens_mean=128"),
            *("workload.output_tokens_stdev=48", "workload.output_tokens_max=300"),
        ),
    ),
    Level(
        *("shared-prefixes", HELD_OUT, 5, 170, 46),
        ("workload.prefix_groups=4", "workload.prefix_share=0.8", "workload.prefix_tokens=256"),
    ),
    Level("bursts", HELD_OUT, 3.5, 120, 47, ("workload.arrival=gamma", "workload.cv=2.5")),
    Level("middle-again", REPEAT, 3.5, 120, 32),  # last, so that what changed meanwhile is in it
)


def named(role: str) -> tuple[Level, ...]:
    """The levels of a role."""
    return tuple(level for level in LEVELS if level.role == role)
