"""What is searched: the genes of a genome, what is frozen beside them, and the known policies to start from."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.cluster.plan import BATCH_LIMITS
from blis.foundation.answers import QUESTIONS
from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from blis.policies.binding import DEFAULT_POLICIES, BoundPolicy, bind, bind_all
from blis.policies.bundle import check_limits, complete_policy, without_unasked
from evolve.genomes import Gene, answer, either, number, program, source, weights
from evolve.genomes.foresight import bind_without_foresight
from evolve.genomes.tuned import published_policies, tuned_genes
from evolve.records import Genome, Phenotype

#: How each kind of gene is read, by the name that a problem gives to the kind.
KINDS: dict[str, Callable[[str, str, Mapping[str, Any]], Gene]] = {
    "weights": weights.GeneKind.from_mapping,
    "program": program.GeneKind.from_mapping,
    "answer": answer.GeneKind.from_mapping,
    "number": number.GeneKind.from_mapping,
    "either": either.GeneKind.from_mapping,
    "source": source.GeneKind.from_mapping,
}

#: Name of the seed of a problem that tunes a known policy: the policy as it was.
PUBLISHED = "published"

#: Node under which a problem's file lists limits of the batch beside the questions.
_CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Problem:
    """A space of genomes, with its operators."""

    genes: tuple[Gene, ...]  #: in the order of a request's way through the cluster, limits of the batch last
    rates: tuple[float, ...]  #: of each gene, the probability that a mutation changes it
    frozen: Phenotype  #: policies of the questions that are not searched, defaults filled in, and limits that are set
    seeds: Mapping[str, Genome]  #: known policies by name, in the order of the file; the first population holds them

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Problem":
        """The problem that a plain mapping describes.

        Parameters
        ----------
        where : str
            Path of the mapping, for messages.
        mapping : mapping
            `genes` (question -> {kind, rate, ...}, see the kinds in `evolve.genomes`; `cluster` -> the same for limits
            of the batch), `frozen` (question -> policy, `cluster` -> limits), and `seeds` (name -> {question: policy,
            cluster: limits}). In place of `genes` there may be `tuned`, policies whose own numbers are searched, see
            `evolve.genomes.tuned`; as published they are a seed.

        Raises
        ------
        ConfigError
            If a key is unknown, a value wrong, a question both searched and frozen, or a seed no genome of the problem.
        """
        given = _explicit(where, check_keys(where, mapping, ("genes", "tuned", "frozen", "seeds")))
        genes, rates = _genes(f"{where}.genes", given["genes"])
        policies, limits = _answers(f"{where}.frozen", given.get("frozen") or {})
        for gene in genes:
            if gene.name in policies or gene.name.removeprefix(number.PREFIX) in limits:
                raise ConfigError(f"{where}.frozen: {gene.name!r} is a gene; it must be searched or frozen, not both.")
        searched = {gene.name for gene in genes}
        frozen = {
            question: complete_policy(question, policies.get(question, DEFAULT_POLICIES[question]))
            for question in QUESTIONS
            if question not in searched
        }
        frozen = without_unasked(frozen)
        bare = cls(genes, rates, Phenotype(frozen, limits), {})
        seeds = given.get("seeds") or {}
        if not isinstance(seeds, Mapping):
            raise ConfigError(f"{where}.seeds must be a mapping of names to policies; got {seeds!r}.")
        found = {str(name): bare._seed(f"{where}.seeds.{name}", seed) for name, seed in seeds.items()}
        return cls(genes, rates, bare.frozen, found)

    def sample(self, random: np.random.Generator) -> Genome:
        """A random genome."""
        return {gene.name: gene.sample(random) for gene in self.genes}

    def mate(self, one: Genome, other: Genome, random: np.random.Generator) -> tuple[Genome, Genome]:
        """Two children: each gene is that of either parent, or, half of the time, bred from both."""
        first: Genome = {}
        second: Genome = {}
        for gene in self.genes:
            pair = (one[gene.name], other[gene.name])
            if len(self.genes) > 1 and random.random() < 0.5:
                pair = pair[::-1]
            if len(self.genes) == 1 or random.random() < 0.5:
                pair = gene.mate(*pair, random)
            first[gene.name], second[gene.name] = pair
        return first, second

    def mutate(self, genome: Genome, random: np.random.Generator) -> Genome:
        """A changed copy: each gene by its own rate, and one at least."""
        rates = np.array(self.rates)
        is_changed = random.random(len(rates)) < rates
        if not is_changed.any():
            is_changed[int(random.choice(len(rates), p=rates / rates.sum()))] = True
        return {
            gene.name: gene.mutate(genome[gene.name], random) if changed else genome[gene.name]
            for gene, changed in zip(self.genes, is_changed, strict=True)
        }

    def canonical(self, genome: Genome) -> Genome:
        """The one form of all genomes that mean the same by construction."""
        return {gene.name: gene.canonical(genome[gene.name]) for gene in self.genes}

    def check(self, where: str, value: object) -> Genome:
        """A genome from a file, in canonical form.

        Raises
        ------
        ConfigError
            If it lacks a gene, has another one, or a value is none of its gene's.
        """
        names = [gene.name for gene in self.genes]
        given = check_keys(where, value, names, names)
        return {gene.name: gene.check(f"{where}.{gene.name}", given[gene.name]) for gene in self.genes}

    def decode(self, genome: Genome) -> Phenotype:
        """What the genome means to the simulator: all questions that are asked, with every parameter."""
        policies, limits = dict(self.frozen.policies), dict(self.frozen.limits)
        for gene in self.genes:
            part = gene.decode(genome[gene.name])
            policies |= part.policies
            limits |= part.limits
        return Phenotype({question: policies[question] for question in QUESTIONS if question in policies}, limits)

    def encode(self, policies: Mapping[str, Any], limits: Mapping[str, int] | None = None) -> Genome | None:
        """The genome that decodes to these policies and limits; None if there is none.

        Questions that `policies` leaves out count as answered by what is frozen here, or by the simulator's default.

        Raises
        ------
        ConfigError
            If a policy is none that the simulator knows, or a parameter wrong.
        """
        bind_all(policies)
        limits = limits or {}
        searched = {gene.name for gene in self.genes}
        for question, choice in policies.items():
            if question not in searched and not _is_same(
                question, choice, self.frozen.policies.get(question, {"policy": DEFAULT_POLICIES[question]})
            ):
                return None
        for limit, value in limits.items():
            if number.PREFIX + limit not in searched and self.frozen.limits.get(limit) != value:
                return None
        values = {gene.name: gene.encode({**DEFAULT_POLICIES, **policies}, limits) for gene in self.genes}
        return None if None in values.values() else values

    def complexity(self, genome: Genome) -> float:
        """How much a reader has to understand, over all genes."""
        return sum(gene.complexity(genome[gene.name]) for gene in self.genes)

    def describe(self, genome: Genome) -> dict[str, str]:
        """One line for people per gene."""
        return {gene.name: gene.describe(genome[gene.name]) for gene in self.genes}

    def digest(self, genome: Genome) -> str:
        """Content address: equal for genomes of equal canonical form."""
        text = json.dumps(self.canonical(genome), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def n_continuous(self) -> int:
        """Length of `to_vector`."""
        return sum(gene.n_continuous for gene in self.genes)

    def to_vector(self, genome: Genome) -> Float64Vector:
        """The continuous forms of all genes, one after the other: (n_continuous,) float64 in [0, 1]."""
        return np.concatenate([gene.to_vector(genome[gene.name]) for gene in self.genes])

    def from_vector(self, vector: Float64Vector) -> Genome:
        """The genome nearest to a vector; every gene must have a continuous form.

        Raises
        ------
        ContractError
            If a gene has none.
        """
        ends = np.cumsum([gene.n_continuous for gene in self.genes])
        parts = np.split(np.asarray(vector, np.float64), ends[:-1])
        return {gene.name: gene.from_vector(part) for gene, part in zip(self.genes, parts, strict=True)}

    def _seed(self, where: str, value: object) -> Genome:
        policies, limits = _answers(where, value)
        genome = self.encode(policies, limits)
        if genome is None:
            raise ConfigError(
                f"{where} must be a genome of this problem, with the frozen policies and limits; got {value!r}, which "
                f"{self._obstacle(policies, limits)} cannot express."
            )
        return genome

    def _obstacle(self, policies: Mapping[str, Any], limits: Mapping[str, int]) -> str:
        """Who cannot express policies that have no genome."""
        for gene in self.genes:
            if gene.encode({**DEFAULT_POLICIES, **policies}, limits) is None:
                return f"the gene {gene.name!r}"
        return "the frozen part"


def _explicit(where: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The description with `genes`, whether it has them or `tuned` in their place."""
    if "tuned" not in given:
        return check_keys(where, given, given, ("genes",))
    if "genes" in given:
        raise ConfigError(f"{where} must have either genes or tuned; got both.")
    path = f"{where}.tuned"
    genes, fixed = tuned_genes(path, given["tuned"])
    frozen = given.get("frozen") or {}
    seeds = given.get("seeds") or {}
    for key in set(fixed) & set(frozen):
        raise ConfigError(f"{where}.frozen: {key!r} is answered by {path}; name it once.")
    published = {PUBLISHED: published_policies(given["tuned"])}
    return {"genes": genes, "frozen": {**frozen, **fixed}, "seeds": {**published, **seeds}}


def _is_same(question: str, one: Mapping[str, Any] | str, other: Mapping[str, Any] | str) -> bool:
    """Whether two choices are one policy with equal parameters, however they are written."""
    return _are_equal(bind(question, question, one), bind(question, question, other))


def _are_equal(one: BoundPolicy, other: BoundPolicy) -> bool:
    return (
        (one.name, one.scorers, len(one.chained)) == (other.name, other.scorers, len(other.chained))
        and np.array_equal(one.parameters, other.parameters)
        and all(map(_are_equal, one.chained, other.chained))
    )


def _genes(where: str, mapping: object) -> tuple[tuple[Gene, ...], tuple[float, ...]]:
    """The genes in their order, and their rates; by default one gene is changed at a time, on average."""
    given = check_keys(where, mapping, (*QUESTIONS, _CLUSTER))
    limits = check_keys(f"{where}.{_CLUSTER}", given.get(_CLUSTER) or {}, BATCH_LIMITS)
    nodes = {question: given[question] for question in QUESTIONS if given.get(question) is not None}
    nodes |= {number.PREFIX + limit: limits[limit] for limit in BATCH_LIMITS if limits.get(limit) is not None}
    if not nodes:
        raise ConfigError(f"{where} must hold one gene at least; got none.")
    genes: list[Gene] = []
    rates: list[float] = []
    for name, node in nodes.items():
        path = f"{where}.{name}"
        if not isinstance(node, Mapping) or "kind" not in node:
            raise ConfigError(f"{path} must be a mapping with the key 'kind'; got {node!r}.")
        own = {str(key): value for key, value in node.items() if key not in ("kind", "rate")}
        kind = check_choice(f"{path}.kind", node["kind"], KINDS)
        rates.append(check_number(f"{path}.rate", node.get("rate", 1.0 / len(nodes)), maximum=1.0, above=0.0))
        if (kind == "number") != name.startswith(number.PREFIX):
            raise ConfigError(
                f"{path}.kind must be 'number' for a limit of the batch, and for nothing else; got {kind!r}."
            )
        genes.append(KINDS[kind](name, path, own))
    return tuple(genes), tuple(rates)


def _answers(where: str, mapping: object) -> tuple[dict[str, Any], dict[str, int]]:
    """Policies by question, checked, and limits of the batch, of a node that gives both."""
    given = check_keys(where, mapping, (*QUESTIONS, _CLUSTER))
    limits = check_limits(f"{where}.{_CLUSTER}", given.pop(_CLUSTER, None))
    policies = {question: choice for question, choice in given.items() if choice is not None}
    for question, choice in policies.items():
        bind_without_foresight(question, f"{where}.{question}", choice)
    return policies, limits
