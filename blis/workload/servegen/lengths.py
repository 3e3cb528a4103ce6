"""Lengths of requests from the tables of recorded windows: prompts, their parts, outputs, ratios of reasoning."""

from typing import NamedTuple

import numpy as np

from blis.foundation.randomness import stream
from blis.foundation.units import BoolVector, Float64Vector, Int64Vector
from blis.workload.servegen.files import MODALITIES, Dataset


class Lengths(NamedTuple):
    """Lengths of n requests; every array has length n."""

    input_tokens: Int64Vector  #: ≥ 1, all parts together
    output_tokens: Int64Vector  #: ≥ 0
    image_tokens: Int64Vector  #: in the prompt, as those below
    audio_tokens: Int64Vector
    video_tokens: Int64Vector
    reason_ratio: Float64Vector  #: [0, 1], part of the output that is reasoning
    is_raised: BoolVector  #: whether a recorded prompt length of 0 was raised to 1


def draw_lengths(
    dataset: Dataset, start_s: Float64Vector, counts: Int64Vector, seed: int, names: tuple[str | int, ...]
) -> Lengths:
    """Draw the lengths of a client's requests from the tables of the windows that hold them.

    Every column has a stream of its own. A prompt of several parts is the sum of its text and, for each modality, of as
    many drawn items as the table of counts says.

    Parameters
    ----------
    dataset : Dataset
    start_s : (k,) float64 [s]
        Windows of the trace, in order.
    counts : (k,) int64
        Requests in each.
    seed : int ≥ 0
    names : tuple of str or int
        Name of the client's streams.
    """
    window_of = dataset.window_of(start_s)
    windows = np.unique(window_of)
    totals = np.array([counts[window_of == window].sum() for window in windows])
    draw = _Draw(dataset, list(zip(windows.tolist(), totals.tolist(), strict=True)), seed, names)
    whole = draw.lengths("input_tokens")
    text = draw.lengths("text_tokens")
    image, audio, video = (draw.sums(f"{modality}_tokens", f"{modality}_count") for modality in MODALITIES)
    recorded = whole + text + image + audio + video
    return Lengths(
        np.maximum(recorded, 1),
        draw.lengths("output_tokens"),
        image,
        audio,
        video,
        draw.column("reason_ratio"),
        recorded < 1,
    )


class _Draw(NamedTuple):
    """The tables of a client and how many requests each draws."""

    dataset: Dataset
    groups: list[tuple[int, int]]  #: window of the data set, number of requests
    seed: int
    names: tuple[str | int, ...]

    def column(self, field: str) -> Float64Vector:
        """Values of a field, 0 where a window has no table."""
        random = stream(self.seed, *self.names, field)
        return np.concatenate([self._values(random, window, field, n) for window, n in self.groups])

    def lengths(self, field: str) -> Int64Vector:
        """Whole lengths of a field."""
        return self.column(field).astype(np.int64)

    def sums(self, field: str, count_field: str) -> Int64Vector:
        """Sums of as many values of a field as the other field says."""
        n_items = self.lengths(count_field)
        random = stream(self.seed, *self.names, field)
        sums = []
        at = 0
        for window, n in self.groups:
            items = n_items[at : at + n]
            values = self._values(random, window, field, int(items.sum()))
            sums.append(np.bincount(np.repeat(np.arange(n), items), weights=values, minlength=n))
            at += n
        return np.concatenate(sums).astype(np.int64)

    def _values(self, random: np.random.Generator, window: int, field: str, n: int) -> Float64Vector:
        table = self.dataset.table(window, field)
        return np.zeros(n) if table is None else table.at(random.random(n))
