"""GEPA: a language model reflects on what its candidates did, and a Pareto front of them is kept (PyPI: gepa)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evolve.algorithms.outside import ClosedError
from evolve.algorithms.outside_params import Params
from evolve.bridges.contract import contract
from evolve.bridges.judging import Judging
from evolve.bridges.language_model import check_model, language_model
from evolve.bridges.packages.installed import check_installed
from evolve.bridges.verdict import Verdict

LOG = "gepa.log"

_PROMPT = """{contract}

The source of the policy that answers {question} is now:
```
<curr_param>
```

This is what came of it:
```
<side_info>
```

Find out why requests are late, and write a better policy for {question}: complete source, within ``` blocks."""


def check(params: Params) -> None:
    """Say before the search begins what is missing."""
    check_installed("gepa", "openai")
    check_model(params)


def drive(judging: Judging, params: Params, folder: Path) -> None:
    """Let it optimise until it has proposed as often as it may, or the search is over."""
    import gepa

    with (folder / LOG).open("w", encoding="utf-8") as log:
        rounds = _Rounds(params.iterations, judging)
        try:
            gepa.optimize(
                seed_candidate=judging.starts()[0],
                trainset=list(judging.parts),
                valset=list(judging.parts),
                adapter=Adapter(judging),
                reflection_lm=language_model(params, judging.plan.labels.seed),
                reflection_prompt_template={
                    question: _PROMPT.format(contract=contract([question]), question=question)
                    for question in judging.questions
                },
                reflection_minibatch_size=min(params.minibatch, len(judging.parts)),
                skip_perfect_score=False,
                stop_callbacks=rounds,
                logger=_Log(log),
                seed=judging.plan.labels.seed,
                raise_on_exception=True,
                display_progress_bar=False,
            )
        except BaseException as error:
            if rounds.is_closed():
                raise ClosedError("the search is over") from error
            raise


class Adapter:
    """What GEPA asks of a system: its candidates' scores in training scenarios, and words to reflect on.

    Parameters
    ----------
    judging : Judging
    """

    propose_new_texts = None  #: GEPA's own way to propose

    def __init__(self, judging: Judging) -> None:
        self.judging = judging
        self._reflected_on: Mapping[str, str] | None = None

    def evaluate(self, batch: list[str], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        """The candidate's merit in each scenario of the batch; the search judges it in all of them, once."""
        from gepa.core.adapter import EvaluationBatch

        verdict = self.judging.judge(candidate, self._parents_of(candidate))
        scores = [verdict.parts[name] for name in batch]
        outputs = [{"status": verdict.status, "scenario": name} for name in batch]
        traces = [verdict] * len(batch) if capture_traces else None
        return EvaluationBatch(outputs=outputs, scores=scores, trajectories=traces)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """What the model reads before it changes a component."""
        self._reflected_on = dict(candidate)
        verdicts: list[Verdict] = list({id(one): one for one in eval_batch.trajectories or []}.values())
        rows = [
            {"Inputs": {"scenarios": ", ".join(one.parts)}, "Generated Outputs": one.status, "Feedback": one.feedback}
            for one in verdicts
        ]
        return dict.fromkeys(components_to_update, rows)

    def _parents_of(self, candidate: Mapping[str, str]) -> tuple[str, ...]:
        """The candidate that was reflected on before this one came."""
        parent = self._reflected_on
        return () if parent is None or parent == candidate else self.judging.digest_of(parent)


class _Rounds:
    """Stops GEPA after so many rounds, or when the search is over."""

    def __init__(self, most: int, judging: Judging) -> None:
        self._left, self._judging = most, judging

    def __call__(self, state: Any) -> bool:
        """Whether to stop; GEPA asks before each round."""
        self._left -= 1
        return self._left < 0 or self.is_closed()

    def is_closed(self) -> bool:
        """Whether the search is over."""
        return self._judging.outside.desk.closed.is_set()


class _Log:
    """What GEPA tells goes into a file."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def log(self, message: str) -> None:
        """One message."""
        self._file.write(f"{message}\n")
        self._file.flush()
