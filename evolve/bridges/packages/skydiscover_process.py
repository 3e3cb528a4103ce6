"""Where SkyDiscover works: python -m evolve.bridges.packages.skydiscover_process, told on standard input.

SkyDiscover takes over signals and the log, so it has a process of its own. Endpoint and key of the model come from the
environment: they are in no file.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from evolve.bridges.language_model import ENDPOINT, KEY
from evolve.bridges.packages import skydiscover_lineage

EVALUATOR = Path(__file__).with_name("skydiscover_evaluator.py")


def main() -> int:
    """Discover as standard input says; how it went is the exit status."""
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    from skydiscover.search.main_controller import MainController

    folder = Path(told["folder"])
    program = folder / "initial_program.py"
    program.write_text(told["start"], encoding="utf-8")
    controller = MainController(str(program), str(EVALUATOR), config=config_of(told), output_dir=str(folder))
    controller.database.sample = skydiscover_lineage.remembering(controller.database.sample)
    asyncio.run(controller.run(iterations=told["iterations"]))
    return 0


def config_of(told: dict[str, Any]) -> Any:
    """SkyDiscover's configuration; whatever is not told stays its own default."""
    import os

    from skydiscover import config

    model = config.LLMModelConfig(name=told["model"], api_base=os.environ.get(ENDPOINT), api_key=os.environ[KEY])
    shared = {} if model.api_base is None else {"api_base": model.api_base}
    archive = config._DB_CONFIG_BY_TYPE[told["archive"]](random_seed=told["seed"])
    return config.Config(
        max_iterations=told["iterations"],
        checkpoint_interval=told["iterations"],
        random_seed=told["seed"],
        language="python",
        llm=config.LLMConfig(
            **shared,
            api_key=model.api_key,
            models=[model],
            temperature=told["temperature"],
            top_p=1.0,
            max_tokens=told["max_tokens"],
            timeout=told["timeout_s"],
            retries=2,
            retry_delay=1,
        ),
        prompt=config.PromptConfig(system_message=told["contract"]),
        search=config.SearchConfig(type=told["archive"], database=archive, num_inspirations=told["inspirations"]),
        evaluator=config.EvaluatorConfig(
            timeout=7 * 24 * 3600, max_retries=0, cascade_evaluation=False, parallel_evaluations=1
        ),
        diff_based_generation=told["diff"],
        max_solution_length=32_000,
    )


if __name__ == "__main__":
    sys.exit(main())
