"""The process in which OpenEvolve works: python -m evolve.bridges.packages.openevolve_process, told by standard input.

OpenEvolve takes over signals and starts processes, so it has one of its own. Endpoint and key of the model it reads
from the environment by itself: they are in no file.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from evolve.bridges.packages import openevolve_lineage

EVALUATOR = Path(__file__).with_name("openevolve_evaluator.py")


def main() -> int:
    """Evolve as standard input says; how it went is the exit status."""
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    from openevolve.controller import OpenEvolve

    openevolve_lineage.remember_parents()
    folder = Path(told["folder"])
    program = folder / "initial_program.py"
    program.write_text(f"# EVOLVE-BLOCK-START\n{told['start']}\n# EVOLVE-BLOCK-END\n", encoding="utf-8")
    controller = OpenEvolve(str(program), str(EVALUATOR), config_of(told), output_dir=str(folder))
    asyncio.run(controller.run(iterations=told["iterations"]))
    return 0


def config_of(told: dict[str, Any]) -> Any:
    """OpenEvolve's configuration; whatever is not told stays its own default."""
    from openevolve.config import Config, DatabaseConfig, EvaluatorConfig, LLMConfig, LLMModelConfig, PromptConfig

    model = LLMModelConfig(name=told["model"], temperature=told["temperature"], max_tokens=told["max_tokens"])
    return Config(
        max_iterations=told["iterations"],
        checkpoint_interval=told["iterations"],
        log_level="INFO",
        random_seed=told["seed"],
        llm=LLMConfig(
            api_base=None,
            models=[model],
            evaluator_models=[model],
            temperature=told["temperature"],
            max_tokens=told["max_tokens"],
            timeout=told["timeout_s"],
            retries=2,
            retry_delay=1,
        ),
        prompt=PromptConfig(system_message=told["contract"], use_template_stochasticity=False),
        database=DatabaseConfig(
            population_size=told["population"],
            archive_size=max(2, told["population"] // 2),
            num_islands=told["islands"],
            random_seed=told["seed"],
        ),
        evaluator=EvaluatorConfig(
            timeout=7 * 24 * 3600, max_retries=0, cascade_evaluation=False, parallel_evaluations=1
        ),
        diff_based_evolution=told["diff"],
        max_code_length=32_000,
        language="python",
    )


if __name__ == "__main__":
    sys.exit(main())
