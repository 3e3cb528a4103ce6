"""The table of requests that a run replays: the one form into which every workload turns."""

from dataclasses import dataclass

from blis.foundation.units import BoolVector, Float64Vector, Int32Vector, Int64Vector
from blis.workload.network import Network
from blis.workload.retries import Retries

#: More would not fit into any memory.
MOST_REQUESTS = 100_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """Requests in the order of their arrival; every array is read-only, C-contiguous, of length n unless stated.

    Prompts are keys, not tokens. `keys[key_offsets[r]:key_offsets[r + 1]]` are the keys of the leading KV blocks of
    request r's whole sequence (prompt, then output) as far as *another* request shares them: two requests have
    key k at position j exactly when their first j + 1 blocks are equal and computed with the same adapter. Blocks
    beyond are r's own. Sharing is closed under prefixes, so the keys are always a run from block 0; they may reach
    into the output, when a later prompt repeats the conversation. Keys are dense, from 0.

    In a closed loop a request waits for an earlier one of its chain: with after[r] ≥ 0 it comes think_us[r] after
    request after[r] has left the cluster: finished, dropped, or rejected (then a second later). Then arrival_us[r] is
    an estimate, which orders the rows and says when it would come in an open loop; after[r] < r.
    """

    arrival_us: Int64Vector  #: non-decreasing, ≥ 0
    input_tokens: Int64Vector  #: whole prompt, shared part included, ≥ 1
    output_tokens: Int64Vector  #: true length, ≥ 0; never shown to a policy
    key_offsets: Int64Vector  #: (n + 1,) start of each request's keys
    keys: Int64Vector  #: (key_offsets[n],) shared prefix-block keys
    prompt: Int64Vector  #: identity of the whole prompt: equal exactly when the prompts are equal
    number: Int64Vector  #: the request's name is request_<number>: row of the source, or order of creation
    slo_class: Int32Vector  #: index into `slo_classes`
    tenant: Int32Vector  #: index into `tenants`
    session: Int32Vector  #: index into `sessions`, -1 for none
    round: Int32Vector  #: turn within the session, from 0
    prefix_group: Int32Vector  #: index into `prefix_groups`, -1 for none
    prefix_tokens: Int64Vector  #: leading prompt tokens that are the group's text, 0 for none
    after: Int64Vector  #: row of the request that must end first, -1 for none
    think_us: Int64Vector  #: ≥ 0, from that end to the arrival; 0 where there is no such request
    image_tokens: Int32Vector  #: new ones in the prompt, as those below; earlier turns' count as text
    audio_tokens: Int32Vector
    video_tokens: Int32Vector
    reason_ratio: Float64Vector  #: [0, 1], part of the output that is thought
    streaming: BoolVector  #: whether the client reads the output as it is made
    client: Int32Vector  #: index into `clients`, -1 for none
    model: Int32Vector  #: that is asked for, index into `models`; -1: whichever is served
    adapter: Int32Vector  #: of that model's weights (LoRA), index into `adapters`; -1: none
    slo_classes: tuple[str, ...]  #: "" is the unnamed class
    tenants: tuple[str, ...]
    sessions: tuple[str, ...]
    prefix_groups: tuple[str, ...]
    clients: tuple[str, ...]
    models: tuple[str, ...]
    adapters: tuple[str, ...]
    networks: tuple[Network, ...]  #: of each client; () if there is none to speak of
    block_size_tokens: int  #: the block size that the keys were made for
    retries: Retries | None = None  #: how clients that are refused come again; None: they do not
    notes: tuple[str, ...] = ()  #: what was sorted, clipped or left out while loading, for people

    def __len__(self) -> int:
        return len(self.arrival_us)

    @property
    def text_tokens(self) -> Int64Vector:
        """(n,) what is left of the prompts without images, audio and video."""
        text: Int64Vector = self.input_tokens - self.image_tokens - self.audio_tokens - self.video_tokens
        return text

    @property
    def n_keys(self) -> int:
        """Number of distinct shared keys."""
        return int(self.keys.max()) + 1 if len(self.keys) else 0
