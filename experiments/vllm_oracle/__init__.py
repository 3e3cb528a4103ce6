"""Does blis form batches as vLLM does?

`python -m experiments.vllm_oracle run SCENARIOS.json OUT.json [key=value ...]` replays scenarios under the semantics
`vllm-0.32` and writes what became of every request; `... compare SCENARIOS.json A.json B.json` names the first request
that two such files disagree on, and the first step where they hold steps. README.md says how vLLM itself makes one.
"""
