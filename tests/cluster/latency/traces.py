"""The steps of six small traces, as batch sums; derived by hand from the batch rules.

The token budget of a step is 2048. A: 100 tokens in, 3 out. B: 5000 in, 2 out. C: 600 in, 4 out; 300 in, 3
out; 2000 in, 2 out, the last two arriving during the first step. D: 1200 in, 2 out, twice, 992 of them cached
the second time. E: 1600 in, 2 out, twice, wholly cached the second time. F: 5000 in, 2 out, twice, 992 cached
the second time, when a request of 700 in, 3 out arrives during its first step.
"""

from blis.engine.batch_sums import BatchSums


def batch_of(prefill=(), decode=()):
    """The sums of `prefill` members (new, stored, prompt length) and `decode` members (stored)."""
    return BatchSums(
        prefill_requests=len(prefill),
        prefill_tokens=sum(new for new, _, _ in prefill),
        prefill_history_tokens=sum(stored for _, stored, _ in prefill),
        prefill_attention_x2=sum(2 * new * stored + new * (new - 1) for new, stored, _ in prefill),
        prefill_prompt_attention_x2=sum(2 * new * length + new * new for new, _, length in prefill),
        decode_requests=len(decode),
        decode_context_tokens=sum(decode),
    )


LONG_PROMPT = [
    batch_of(prefill=[(2048, 0, 5000)]),
    batch_of(prefill=[(2048, 2048, 5000)]),
    batch_of(prefill=[(904, 4096, 5000)]),
    batch_of(decode=[5000]),
]

TRACES = {
    "A": [batch_of(prefill=[(100, 0, 100)]), batch_of(decode=[100]), batch_of(decode=[101])],
    "B": LONG_PROMPT,
    "C": [
        batch_of(prefill=[(600, 0, 600)]),
        batch_of(prefill=[(300, 0, 300), (1747, 0, 2000)], decode=[600]),
        batch_of(prefill=[(253, 1747, 2000)], decode=[601, 300]),
        batch_of(decode=[602, 301, 2000]),
    ],
    "D": [
        batch_of(prefill=[(1200, 0, 1200)]),
        batch_of(decode=[1200]),
        batch_of(prefill=[(208, 0, 1200)]),
        batch_of(decode=[1200]),
    ],
    "E": [batch_of(prefill=[(1600, 0, 1600)]), batch_of(decode=[1600]), batch_of(), batch_of(decode=[1600])],
    "F": [
        *LONG_PROMPT,
        batch_of(prefill=[(2048, 0, 5000)]),
        batch_of(prefill=[(1960, 3040, 5000), (88, 0, 700)]),
        batch_of(prefill=[(612, 88, 700)], decode=[5000]),
        batch_of(decode=[700]),
        batch_of(decode=[701]),
    ],
    # The queueing delay of the affine model lets the request of 700 tokens enter first.
    "F, shorter first": [
        *LONG_PROMPT,
        batch_of(prefill=[(700, 0, 700)]),
        batch_of(prefill=[(2047, 0, 5000)], decode=[700]),
        batch_of(prefill=[(1961, 3039, 5000)], decode=[701]),
        batch_of(decode=[5000]),
    ],
}


def random_batches(generator, count):
    """Consistent batches of 0 to 40 members each."""
    batches = [batch_of()]
    for _ in range(count):
        prefill = []
        for _ in range(generator.integers(0, 9)):
            length = int(generator.integers(1, 9000))
            stored = int(generator.integers(0, length))
            prefill.append((int(generator.integers(1, length - stored + 1)), stored, length))
        decode = [int(stored) for stored in generator.integers(1, 20000, size=generator.integers(0, 33))]
        batches.append(batch_of(prefill, decode))
    return batches
