"""Whatever is wrong with the input: exit status 2, and one line that says where, what must hold, and what was got."""

from pathlib import Path

import pytest

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
FIRST = "2023-11-16 18:15:46.6805900,10,5\n"

FILES = {
    "ragged.csv": HEADER + FIRST + "2023-11-16 18:15:47.0,10\n",
    "negative.csv": HEADER + "2023-11-16 18:15:46.6805900,-10,5\n",
    "not_a_time.csv": HEADER + "yesterday,10,5\n",
    "no_rows.csv": HEADER,
    "empty.csv": "",
    "infinite.jsonl": '{"timestamp": Infinity, "input_length": 5, "output_length": 5, "hash_ids": []}\n',
    "broken.jsonl": '{"timestamp": 1, \n',
    "empty.yaml": "",
    "broken.yaml": "version: 1\nrouting: {policy: round-robin\npriority: x\n",
    "version.yaml": "version: 2\nrouting: round-robin\n",
    "no_version.yaml": "routing: round-robin\n",
    "key.yaml": "version: 1\nscheduler: fcfs\n",
    "parameter.yaml": "version: 1\nrouting: {policy: weighted, scorer: []}\n",
    "name.yaml": "version: 1\nrouting: {policy: least_loded}\n",
    "list.yaml": "- version: 1\n",
    "twice.yaml": "version: 1\nrouting: round-robin\nrouting: least-loaded\n",
    "spec.yaml": "aggregate_rate: 0\nclients: []\n",
}

WRONG = {
    # policies
    "routing=leest-loaded": "routing: no choice named 'leest-loaded'; did you mean 'least-loaded'? Choices: always",
    "admission=always_admt": "admission: no choice named 'always_admt'; did you mean 'always-admit'?",
    "priority=sloo-based": "priority: no choice named 'sloo-based'; did you mean 'slo-based'?",
    "scheduling=lifo": "scheduling: no choice named 'lifo'",
    "preemption=oldest": "preemption: no choice named 'oldest'",
    "routing=": "routing: no choice named ''",
    "routing=json:loads": "routing must be a policy's name; 'json:loads' means Python code, which runs only if allow",
    "routing=nosuch:fn allow_python=true": "with a module that can be imported; got 'nosuch:fn'",
    "routing=json:nosuch allow_python=true": "has no attribute 'nosuch'",
    "routing=json:__name__ allow_python=true": "'json:__name__' must be callable",
    "routing.scorers=queue-depth:1": "routing: unknown key 'scorers'",
    "routing=weighted routing.scorers=[]": "routing.scorers must be a list of 1 to 24 scorers",
    "routing=weighted routing.scorers=": "routing.scorers must be a list of 1 to 24 scorers",
    "routing=weighted routing.scorers=queue-depth:1,queue-depth:2": "scorers[1]: scorer 'queue-depth' is listed twice",
    "routing=weighted routing.scorers=queue-depth:nan": "scorers[0].weight must be a finite number > 0; got nan",
    "routing=weighted routing.scorers=[{name: queue-depth, weight: inf}]": "must be a finite number > 0; got inf",
    "routing=weighted routing.scorers=queue-depth:-1": "routing.scorers[0].weight must be a finite number > 0; got -1",
    "routing=weighted routing.scorers=queue-dept:1": "no choice named 'queue-dept'; did you mean 'queue-depth'?",
    "routing=weighted-legacy routing.cache_weight=0 routing.load_weight=0": "cache_weight + load_weight must be > 0",
    "admission=token-bucket admission.capacity_tokens=0": "admission.capacity_tokens must be a finite number in [1,",
    "priority=program priority.formula='age_us +'": "needs 2 values; got 1",
    # a value where another kind of value belongs, or nothing is
    "cluster=gateway cluster.gateway=[1]": "cluster.gateway must be a mapping of keys to values; got '[1]'",
    "cluster=gateway cluster.gateway.bands=[]": "cluster.gateway.bands must be a mapping of keys to values; got '[]'",
    "cluster=tiered cluster.kv_tiers.tiers={a:1}": "cluster.kv_tiers.tiers must be a list; got '{a:1}'",
    "cluster=tiered cluster.kv_tiers.tiers.7.shared=true": "of an entry that is there; got cluster.kv_tiers.tiers[7]",
    "cluster=tiered cluster.kv_tiers.tiers.x=3": "a part of a list is named by its place, from 0; got 'x'",
    # bundles
    "policies=nosuch.yaml": "policies must be the path of a file; there is none at 'nosuch.yaml'",
    "policies=empty.yaml": "empty.yaml must be a policy bundle with 'version: 1'; it is empty",
    "policies=broken.yaml": "broken.yaml is not a valid YAML file: while parsing a flow mapping, expected",
    "policies=version.yaml": "version.yaml: version must be 1, the one this program reads; got 2",
    "policies=no_version.yaml": "no_version.yaml: key 'version' is required",
    "policies=key.yaml": "key.yaml: unknown key 'scheduler'; did you mean 'scheduling'?",
    "policies=parameter.yaml": "parameter.yaml: routing: unknown key 'scorer'; did you mean 'scorers'?",
    "policies=name.yaml": "no choice named 'least_loded'; did you mean 'least-loaded'?",
    "policies=list.yaml": "list.yaml must be a mapping",
    "policies=twice.yaml": "the key 'routing' is given twice",
    # workloads
    "workload=azur": "workload: no choice named 'azur'; did you mean 'azure'? Choices: azure, bailian, burstgpt",
    "workload.kind=azzure": "workload.kind: no choice named 'azzure'; did you mean 'azure'?",
    "workload.kind=lengths": "workload.kind: no choice named 'lengths'",
    "workload.rat=2": "workload: unknown key 'rat'; did you mean 'rate'? Keys: empty_prompts, keep_origin",
    "workload.rate=0": "workload.rate must be a finite number > 0 [requests/s]; got 0",
    "workload.rate=-2": "workload.rate must be a finite number > 0 [requests/s]; got -2",
    "workload.rate=inf": "workload.rate must be a finite number > 0 [requests/s]; got inf",
    "workload.rate=nan": "workload.rate must be a finite number > 0 [requests/s]; got nan",
    "workload.rate=fast": "workload.rate must be a finite number > 0 [requests/s]; got 'fast'",
    "workload.num_requests=0": "workload.num_requests must be an int in [1, 100000000]; got 0",
    "workload.num_requests=-1": "workload.num_requests must be an int in [1, 100000000]; got -1",
    "workload.num_requests=1.5": "workload.num_requests must be an int in [1, 100000000]; got 1.5",
    "workload=distribution workload.prompt_tokens_mean=-3": "workload.prompt_tokens_mean must be a finite number in",
    "workload=distribution workload.arrival=gama": "workload.arrival: no choice named 'gama'; did you mean 'gamma'?",
    "workload=distribution workload.output_tokens_max=inf": "workload.output_tokens_max must be an int",
    "workload=distribution workload.preset=chat": "workload.preset: no choice named 'chat'; did you mean 'chatbot'?",
    "workload=trace-csv": "workload.path must be given; add workload.path=VALUE",
    "workload.path=nosuch.csv": "workload.path must be the path of a file; there is none at 'nosuch.csv'",
    "workload.path=ragged.csv": "ragged.csv, row 1: must have 3 columns like the header; got 2",
    "workload.path=negative.csv": "negative.csv, row 0, column 'ContextTokens': must be an int ≥ 0; got '-10'",
    "workload.path=not_a_time.csv": "must be a date and time",
    "workload.path=no_rows.csv": "must hold a header and at least one request",
    "workload.path=empty.csv": "must hold a header and at least one request",
    "workload=mooncake workload.path=infinite.jsonl": "field 'timestamp' must be a finite number",
    "workload=mooncake workload.path=broken.jsonl": "broken.jsonl, row 0: must be a JSON object",
    "workload=spec": "workload must have exactly one of path and spec; got neither",
    "workload=spec workload.path=spec.yaml": "spec.yaml.clients must be a list of at least one client",
    "workload=trace-v2 workload.path=broken.yaml": "is not a valid YAML file",
    # clusters
    "cluster=lama-8b-h100": "cluster: no choice named 'lama-8b-h100'; did you mean 'llama-8b-h100'?",
    "cluster.instanses=3": "cluster: unknown key 'instanses'; did you mean 'instances'?",
    "cluster.instances=0": "cluster.instances must be an int in [1, 100000] [instances]; got 0",
    "cluster.instances=[]": "cluster.instances must be an int ≥ 1 or a list of at least one pool; got []",
    "cluster.instances=[{count: 2, kv_blox: 3}]": "instances[0]: unknown key 'kv_blox'; did you mean 'kv_blocks'?",
    "cluster.instances=[{count: 2},{count: 1, kv_blocks: 0}]": "cluster.instances[1].kv_blocks must be an int in [1,",
    "cluster.instances=[{latency: roofline},{}]": "got roofline, silicon",
    "cluster.kv_blocks=0": "cluster.kv_blocks must be an int in [1, 1099511627776] [blocks]; got 0",
    "cluster.kv_blocks=-5": "cluster.kv_blocks must be an int in [1, 1099511627776] [blocks]; got -5",
    "cluster.kv_blocks=1.5": "cluster.kv_blocks must be an int in [1, 1099511627776] [blocks]; got 1.5",
    "cluster.block_size_tokens=0": "cluster.block_size_tokens must be an int in [1, 1048576] [tokens]; got 0",
    "cluster.max_running_requests=0": "cluster.max_running_requests must be an int in [1,",
    "cluster.step_token_budget=0": "cluster.step_token_budget must be an int in [1,",
    "cluster.routing_latency_us=-1": "cluster.routing_latency_us must be an int in [0,",
    "cluster.memory_utilisation=1.5": "cluster.memory_utilisation must be a finite number > 0 and ≤ 1; got 1.5",
    "cluster.kv_cache_dtype=fp7": "cluster.kv_cache_dtype: no choice named 'fp7'; did you mean 'fp8'? Choices: auto, ",
    "cluster.kv_watermark=2": "cluster.kv_watermark must be a finite number in [0, 1]; got 2",
    "cluster.speculative={draft_tokens: 3, accepted_tokens: 4}": "accepted_tokens must be a finite number in [0, 3]",
    "cluster.speculative={draft_tokens: 0, accepted_tokens: 0}": "cluster.speculative.draft_tokens must be an int",
    "cluster.async_scheduling=perhaps": "cluster.async_scheduling must be true or false; got 'perhaps'",
    "cluster.instances=[{count: 2, prefix_caching: 1}]": "cluster.instances[0].prefix_caching must be true or false",
    "semantics=reference-2026-04 cluster.async_scheduling=true": "async_scheduling needs the semantics corrected or",
    "semantics=vllm": "semantics: no choice named 'vllm'; did you mean 'vllm-0.32'?",
    "cluster=llama-8b-h100-affine cluster.model=llama": "cluster: model must be an id in coefficients.csv; got 'llama'",
    "cluster=llama-8b-h100-affine cluster.hardware=B200": "with tensor_parallel 2. Rows: A100-80 with",
    "cluster=llama-8b-h100-affine cluster.tensor_parallel=3": "with tensor_parallel 3. Rows:",
    "cluster.model=llama": "cluster: model: no folder for 'llama' in ",
    "cluster.hardware=B200": "no table for 'llama-3.1-8b-instruct--B200--tp1--vllm'; did you mean",
    "cluster.tensor_parallel=3": "tensor_parallel must divide the 8 kv_heads of model",
    "cluster.latency.beta=3": "cluster.latency: unknown key 'beta'",
    "slo.default.ttft_multiple=3 slo.default.ttft_ms=9": "must have ttft_ms or ttft_multiple, not both; got 9 and 3",
    "slo.batch.e2e_multiple=nan": "slo.batch.e2e_multiple must be a finite number > 0; got nan",
    "scenario=unfair scenario.physics=affine": "saturation_rate must be > 0 [requests/s] under affine; got silicon, ",
    "cluster.tensor_parallel=0": "cluster.tensor_parallel must be an int in [1, 1024] [GPUs]; got 0",
    "cluster.latency.kind=roofline cluster.hardware=T4": "device: no choice named 'T4'",
    "cluster.latency.kind=roofline cluster.model=nope": "cluster: model: no folder for 'nope'",
    "cluster.latency=roofline cluster.model=llama-3.1-70b-instruct cluster.tensor_parallel=1": "Use at least 2 GPUs",
    "cluster.latency.kind=roof": "cluster.latency.kind: no choice named 'roof'; did you mean 'roofline'?",
    "cluster=llama-8b-h100-affine cluster.latency.beta=3": "unknown key 'beta'; did you mean 'beta_us'?",
    "cluster=llama-8b-h100-affine cluster.latency.alpha_us=[1,2,3]": "alpha_us and beta_us must be given together",
    "cluster.latency={kind: affine, alpha_us: [1,2,3], beta_us: [1,inf,3]}": "beta_us[1] must be a finite number",
    "cluster.latency={kind: affine, alpha_us: [1,2,3], beta_us: [1e300,1,3]}": "beta_us must be a finite number in [0,",
    # the rest
    "sede=3": "run: unknown key 'sede'; did you mean 'seed'?",
    "+foo.bar=3": "run: unknown key 'foo'",
    "seed=-1": "seed must be an int ≥ 0; got -1",
    "seed=abc": "seed must be an int ≥ 0; got 'abc'",
    "seed=1,2": "Ambiguous value for argument",
    "seed=${nothing}": "Interpolation key 'nothing' not found",
    "horizon_us=0": "horizon_us must be an int in [1,",
    "horizon_us=-1": "horizon_us must be an int in [1,",
    "horizon_us=inf": "horizon_us must be an int in [1,",
    "semantics=corected": "semantics: no choice named 'corected'; did you mean 'corrected'?",
    "output=jsn": "output: no choice named 'jsn'; did you mean 'json'? Choices: json, text",
    "plots=maybe": "plots must be true or false; got 'maybe'",
    "export_requests=1": "export_requests must be true or false; got 1",
    "hydra.run.dir=ragged.csv": "cannot be read or written: File exists",
    "seed": "missing EQUAL",
    "seed=[1": "no viable alternative",
    "--nope": "no flag named '--nope'",
    "--config-name nosuch": "configuration 'nosuch' does not exist",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_refused_in_one_line(line: str, run, tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    ran = run(*_split(line))

    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert WRONG[line] in ran.err


def test_a_refused_run_leaves_no_folder(run, tmp_path: Path) -> None:
    run("seed=-1", "hydra.run.dir=here")

    assert not (tmp_path / "here").exists()


def _split(line: str) -> list[str]:
    """Words, those in brackets kept together."""
    words: list[str] = []
    for word in line.split(" "):
        last = words[-1] if words else ""
        is_open = sum(map(last.count, "[{")) > sum(map(last.count, "]}")) or last.count("'") == 1
        if is_open:
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words if line != "seed=[1" else [line]
