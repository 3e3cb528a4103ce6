"""The arguments that each command takes with the small inputs, and which file or folder of them a trial spoils."""

from typing import NamedTuple

from experiments.wrong_inputs.measured import OTHERS


class Call(NamedTuple):
    """A call that works."""

    command: str  #: module
    arguments: tuple[str, ...]
    reads: tuple[str, ...] = ()  #: files and folders that a trial may spoil
    options: tuple[str, ...] = ()  #: further key=value pairs that work, of which some are added
    ends: tuple[int, ...] = (0,)  #: statuses with which it may end; 1: what it found is bad news


_SMALL = ("cluster.instances=2", "workload.num_requests=20")
_ROOFLINE = (*_SMALL, "cluster.latency.kind=roofline")
_SILICON = (*_SMALL, "cluster.latency.kind=silicon", "cluster.tensor_parallel=2")
_RUN = "blis.run"
_DESCRIBE = "blis.workload.__main__"
_CONVERT = "blis.convert"

_CLUSTER = (
    *("cluster.kv_blocks=500", "cluster.block_size_tokens=16", "cluster.max_running_requests=8"),
    *("cluster.step_token_budget=512", "cluster.long_prefill_threshold_tokens=64", "cluster.max_model_len_tokens=4000"),
    *("cluster.routing_latency_us=10", "cluster.admission_latency_us=10", "cluster.snapshot_refresh_us=1000"),
    *("cluster.cache_signal_delay_us=1000", "cluster.memory_utilisation=0.8", "cluster.tensor_parallel=2"),
    *("cluster.async_scheduling=true", "cluster.reserve_full_isl=false", "cluster.kv_watermark=0.1"),
    *("cluster.prefix_caching=false", "semantics=vllm-0.32"),
    *("cluster.speculative={draft_tokens: 3, accepted_tokens: 1.8}", "cluster.speculative.draft_token_us=10"),
    *("cluster.kv_cache_dtype=fp8", "cluster=qwen-7b-h100"),
    *("cluster.model=meta-llama/llama-3.1-8b-instruct", "cluster.hardware=H100", "cluster.latency.kind=roofline"),
    *("cluster.latency={kind: affine, alpha_us: [100, 1, 2], beta_us: [1000, 10, 50]}", "cluster=qwen-7b-h100"),
    *("cluster.instances=[{count: 1, kv_blocks: 100}, {count: 2}]", "cluster.latency.kind=trained-physics"),
)
_POLICIES = (
    *("routing=least-loaded", "routing=weighted routing.scorers=queue-depth:2,kv-utilization:1", "priority=linear"),
    *("routing=program routing.formula='cached_share 3 mul effective_load sub'", "priority.age=2", "scheduling=sjf"),
    *("admission=token-bucket admission.capacity_tokens=5000", "preemption=newest", "policies=bundle.yaml"),
)
_REST = (
    *("seed=3", "horizon_us=5000000", "semantics=corrected", "fitness=throughput:0.5,p99_ttft:0.5", "output=json"),
    *("slo.default={e2e_multiple: 5, ttft_ms: 100}", "slo.batch.e2e_ms=null slo.batch.e2e_multiple=4"),
    *("slo.default.ttft_ms=100", "trace=summary", "counterfactual=rollout counterfactual.decisions=2", "plots=true"),
    *(
        "export_requests=true",
        "hydra.run.dir=out",
        "scenario=scenario.yaml scenario.num_requests=20",
        "scenario.load=1",
    ),
    *("allow_python=true", "hydra.sweep.dir=sweep", "-m seed=1,2", "--config-dir run --config-name config"),
)
_WORKLOAD = (
    *("workload=azure workload.path=azure.csv", "workload=burstgpt workload.path=burstgpt.csv", "workload.rate=20"),
    *("workload=azure workload.path=azure.csv workload.num_requests=3 workload.stretch=[0.2,0.8]",),
    *("workload=mooncake workload.path=mooncake.jsonl", "workload=spec workload.path=spec.yaml", "workload=chatbot"),
    *("workload=trace-v2 workload.path=trace.yaml", "workload=inference-perf workload.path=shared.yaml"),
    *("workload=distribution workload.prompt_tokens_mean=100", "workload=distribution workload.prefix_groups=3"),
    *("workload=servegen workload.path=servegen", "workload=distribution workload.arrival=gamma"),
)

_TABULATED = (
    *("tensor_parallel=2", "engine=vllm", "expert_parallel=1", "data_parallel=1", "to=made.csv", "overwrite=true"),
    *("model_config_folder=model", "device=L40S", "--json"),
)
_CONVERTED = (
    *("azure.csv", "burstgpt.csv", "mooncake.jsonl", "trace.yaml", "spec.yaml", "shared.yaml", "./servegen"),
    *("bailian.jsonl", "bench.json"),
)


def calls(with_search: bool) -> list[Call]:
    """Every command, with each kind of file that it reads."""
    found = [
        Call(_RUN, _SMALL, (), (*_CLUSTER, *_POLICIES, *_REST, *_WORKLOAD)),
        Call(_RUN, (*_SMALL, "policies=bundle.yaml"), ("bundle.yaml",), _POLICIES),
        Call(_RUN, ("scenario=scenario.yaml", "scenario.num_requests=20"),
             ("scenario.yaml",), ("scenario.load=1", "scenario.physics=roofline")),
        Call(_RUN, ("workload=spec", "workload.path=spec.yaml"), ("spec.yaml",), ("workload.num_requests=20",)),
        Call(_RUN, ("workload=spec", "workload.path=users.yaml"), ("users.yaml",), ("workload.num_requests=20",)),
        Call(_RUN, ("workload=inference-perf", "workload.path=shared.yaml"), ("shared.yaml",)),
        Call(_RUN, ("workload=bailian", "workload.path=bailian.jsonl"), ("bailian.jsonl",)),
        Call(_RUN, ("workload=sharegpt", "workload.path=sharegpt.json", "workload.rate=5"), ("sharegpt.json",)),
        Call(_RUN, ("workload=vllm-bench", "workload.path=bench.json"), ("bench.json",)),
        Call(_RUN, ("workload=trace-v2", "workload.path=trace.yaml"), ("trace.yaml", "trace.csv")),
        Call(_RUN, ("workload=azure", "workload.path=azure.csv"), ("azure.csv",), _WORKLOAD[2:3]),
        Call(_RUN, ("workload=burstgpt", "workload.path=burstgpt.csv"), ("burstgpt.csv",), _WORKLOAD[2:3]),
        Call(_RUN, ("workload=mooncake", "workload.path=mooncake.jsonl"), ("mooncake.jsonl",), _WORKLOAD[2:3]),
        Call(_RUN, ("workload=servegen", "workload.path=servegen", "workload.num_requests=20"), ("servegen",)),
        Call(_RUN, (*_ROOFLINE, "cluster.model=./model"), ("model",), _CLUSTER),
        Call(_RUN, (*_ROOFLINE, "cluster.hardware_folder=hardware"), ("hardware",), _CLUSTER),
        Call(_RUN, (*_SILICON, "cluster.latency.table=steps.csv"), ("steps.csv",), _CLUSTER),
        Call(_RUN, _SILICON, (), ("cluster.latency.scale=1.1", "cluster.latency.step_us=100", *_CLUSTER)),
        Call("blis.tabulate", ("model=./model", "device=H100"), ("model",), _TABULATED),
        Call(_RUN, ("--config-dir", "run", "--config-name", "config", "hydra.run.dir=again"), ("run/config.yaml",)),
        Call(_RUN, (*_SMALL, "hydra.run.dir=run"), ("run",), ("plots=true", "trace=summary")),
        Call("blis.verify", ("case",), ("case",), ("--json", "run", "nosuch")),
        Call("blis.report", ("run",), ("run",), ("output=page.html", "case", "nosuch")),
        Call("blis.saturation", ("scenario=scenario.yaml", "num_requests=150", "seeds=[1]", "loads=[1.0]"),
             ("scenario.yaml",), ("precision=0.5", "plots=false", "output=json", "hydra.run.dir=out")),
        Call(_DESCRIBE, ("describe", "workload.num_requests=20"), (), (*_WORKLOAD, *_REST, *_POLICIES, "plots=a.png")),
    ]  # fmt: skip
    for name in _CONVERTED:
        more = ("trace.csv",) if name == "trace.yaml" else ()
        limit = ("num_requests=20",) if name == "./servegen" else ()
        options = ("rate=20", "seed=3", "overwrite=true", "to=azure", "--json")
        found.append(Call(_CONVERT, (name, "made.jsonl", *limit), (name, *more), options))
        found.append(Call(_CONVERT, (name, "made.csv", "to=trace-csv", *limit), (name, *more), options))
    found += [*_measured(), *_real()]
    if with_search:
        found += [*_searches(), *_outside()]
    return found


def _measured() -> list[Call]:
    """What is compared with measured runs, and learned from them."""
    traces = ("measured.yaml", "measured.csv", "measured.chunks.jsonl")
    served = (
        *("cluster.instances=1", "cluster.kv_blocks=60000", "cluster.tensor_parallel=1", "cluster.model=null"),
        "cluster.latency={kind: affine, alpha_us: [2000, 4, 900], beta_us: [8200, 21, 31]}",
    )
    quick = ("plots=false", "page=false", "draws=20", "output.folder=made")
    compared = (
        *("warm_up_requests=3", "warm_up_s=1", "network.rtt_ms=2", "network.bandwidth_mbps=1000", "failed=replay"),
        *("draws=0", "confidence=0.9", "seed=3", "output=json", "format=trace-v2", "page=true plots=true"),
        *("routing=least-loaded", "cluster.instances=2", "cluster.latency.kind=silicon", "policies=bundle.yaml"),
        *("scenario=scenario.yaml", "horizon_us=5000000", "semantics=vllm-0.32", "real=aiperf-profile_export.jsonl"),
    )
    learned = (
        *("hold_out=0", "hold_out=0.5", "hold_out=vllm-bench-openai-detailed.json", "replays=2", "parameters=null"),
        *("parameters=[request_us,decode_us]", "output=json", "draws=0", "failed=replay", "warm_up_requests=3"),
        *("network.rtt_ms=2", "cluster.instances=2", "seed=3", "format=trace-v2", "real=guidellm-benchmarks.json"),
    )
    calls = [
        Call("blis.calibrate", ("real=measured.yaml", *served, *quick), traces, compared),
        Call("blis.calibrate", ("real=measured.yaml", *served[:-1], "cluster.latency=latency.yaml", *quick),
             ("latency.yaml",), compared),
        Call("blis.fit", ("real=measured.yaml", *served, "parameters=[step_us]", "draws=5", "output.folder=made"),
             (*traces, "measured.csv"), learned),
        Call("blis.fit", ("real=measured.yaml", *served[:-1], "cluster.latency=latency.yaml", "parameters=[step_us]",
                          "draws=5", "output.folder=made"), ("latency.yaml",), learned),
    ]  # fmt: skip
    others = [Call("blis.calibrate", (f"real={name}", *served, *quick), (name,), compared) for name in OTHERS]
    return [*calls, *others]


def _real() -> list[Call]:
    """What has to do with servers; none is asked, and the own one ends at once."""
    asked = ("server.url=http://127.0.0.1:9", "max_requests=3", "dry_run=true")
    settings = (
        *("server.endpoint=chat", "server.prompts=text", "server.vocabulary=[7,9]", "server.timeout_s=5"),
        *("server.body={temperature: 0}", "server.headers.tenant=x-tenant", "retries.attempts=2", "scrape_s=1"),
        *("concurrency=2", "sessions=in-order", "horizon_s=10", "warm_up_requests=1", "prompt_seed=3", "output=json"),
        *("output.folder=made", "resume=run", "recover=run", "scenario=closed-chat", "server.models={a: b}"),
    )
    served = ("cluster=llama-8b-h100-affine", "cluster.instances=1", "port=0", "duration_s=0.05", "drain_s=0")
    serving = (
        *("behind=router", "speed=10", "model_name=m", "output_tokens=20", "refusal_status=503", "retry_after_s=2"),
        *("output_tokens={type: constant, params: {value: 9}}", "record=made.csv", "output=json", "port=70000"),
        *("host=127.0.0.1", "policies=bundle.yaml behind=router", "kv_events.form=map", "scenario=scenario.yaml"),
    )
    return [
        Call("blis.observe", (*asked, "workload=distribution", "workload.num_requests=5"), (), settings),
        Call("blis.observe", (*asked, "workload=trace-v2", "workload.path=trace.yaml"), ("trace.yaml", "trace.csv"),
             settings),
        Call("blis.serve", served, (), (*serving, *_CLUSTER)),
        Call("blis.serve", (*served, "behind=router", "policies=bundle.yaml"), ("bundle.yaml",), serving),
    ]  # fmt: skip


def _outside() -> list[Call]:
    """What carries policies to other programs and back, keeps who stands where, and lets others write candidates."""
    written = ("output.file=made.yaml",)
    exporting = (
        *("to=sglang", "to=vllm", "to=dynamo", "to=production-stack", "output=json", "require=exact", "overwrite=true"),
        *("gateway={ttl_ms: 2000, capacity_requests: 10}", "instances=2"),
    )
    importing = ("from=llm-d", "from=vllm", "output=json", "overwrite=true", "instances=2")
    boards = ("folder=boards", "board=small")
    bridge = (
        *("package=script", "package.candidates=candidate.py", "suite=quick", "tracker=none", "report=false"),
        *("budget.evaluations=2", "finalists=1", "ladder=[{num_requests:50,seeds:1}]", "hydra.run.dir=made"),
    )
    bridging = (
        *("problem=priority_source", "problem=admission_routing_source", "package=gepa", "evaluator=serial", "seed=3"),
        *("package.most=2", "package.iterations=2", "package.model=m", "resume=search", "package=openevolve"),
    )
    return [
        Call("evolve.export", ("bundle.yaml", "to=llm-d", *written), ("bundle.yaml",), exporting),
        Call("evolve.export", ("other.yaml", "to=sglang", *written), ("other.yaml",), exporting),
        Call("evolve.import_policy", ("picker.yaml", *written), ("picker.yaml",), importing),
        Call("evolve.import_policy", ("flags.txt", *written), ("flags.txt",), importing),
        Call("evolve.leaderboard", ("show", *boards), ("boards",),
             ("output=json", "output=html", "output=markdown output.file=made.md", "overwrite=true")),
        Call("evolve.leaderboard", ("rerun", "small/bundle", "folder=boards", "budget=check", "evaluator=serial"),
             ("boards",), ("budget=full", "evaluator=threads"), (0, 1)),
        Call("evolve.leaderboard", ("add", "bundle.yaml", *boards, "name=again"), ("boards", "bundle.yaml"),
             ("kind=rival", "rivals=known"), (0, 2)),
        Call("evolve.bridge", bridge, ("candidate.py",), bridging),
    ]  # fmt: skip


def _searches() -> list[Call]:
    small = (
        *("suite=quick", "evaluator=serial", "tracker=none", "budget.generations=1", "report=false", "finalists=2"),
        *(
            "ladder=[{num_requests:50,seeds:1}]",
            "algorithm.population=3",
            "algorithm.offspring=3",
            "hydra.run.dir=made",
        ),
    )
    options = (
        *("problem=routing_program", "problem=full", "algorithm=random", "seed=3", "penalty=2", "penalty=0.1"),
        *(
            "scenario=scenario.yaml",
            "objectives={ttft-p99: 1}",
            "constraints={goodput_rps: {worse_than_baseline_by: 0.1}}",
        ),
        *("+baselines.mine={routing: least-loaded}", "resume=search", "budget.evaluations=5", "budget.requests=1000"),
        *("problem.genes={}", "algorithm.mutation=0.5", "evaluator.threads=2", "tracker=console"),
        *("problem=tuned", "problem.tuned.routing=preble", "problem.tuned.routing={policy: preble, x: {low: 1}}"),
        *("algorithm=tpe", "algorithm=cma_mae", "baselines=[default,bundle.yaml]", "baselines=other.yaml"),
    )
    reported = ("search", "first_seeds=2", "most_runs=4", "sweep_seeds=2", "random_search=false", "evaluator=serial")
    audited = ("scenario=scenario.yaml", "seeds=[1,2]", "random=1", "num_requests=100", "evaluator=serial")
    compared = (
        *("bundle.yaml", "other.yaml", "suite=own", "scenario=scenario.yaml"),
        *("first_seeds=2", "most_runs=4", "evaluator=serial"),
    )
    asked = (
        *("roles=[train,test]", "objectives={ttft-p99: 1}", "half_width=0.5", "seed=3", "output=json"),
        *("suite=quick", "bundle.yaml"),
    )
    return [
        Call("evolve.run", small, (), options),
        Call("evolve.run", (*small, "scenario=scenario.yaml"), ("scenario.yaml",), options),
        Call("evolve.run", (*small, "suite=own", "scenario=scenario.yaml"), ("scenario.yaml",), options),
        Call("evolve.run", ("resume=search",), ("search",)),
        Call("evolve.report", reported, ("search",), ("output=json",)),
        Call("evolve.compare", compared, ("bundle.yaml", "other.yaml", "scenario.yaml"), asked),
        Call(
            "evolve.compare", (*compared[:2], "suite=suite.yaml", *compared[4:]), ("suite.yaml", "bundle.yaml"), asked
        ),
        Call("evolve.audit", audited, ("scenario.yaml",), ("output=json", "noise=1", "random=2"), (0, 1)),
    ]
