"""The fields of records about encoders of images, audio and video; as in `request_fields`."""

import numpy as np

from blis.engine.codes import NEVER_US
from blis.engine.seldom_fields import RANKED_NODE

_I, _F = np.int64, np.float64

# Of an instance, where requests have media and encoding them takes time.
ENCODER_FIELDS = {
    "first_waiting": (_I, -1),  # request whose media are encoded next here; on instances that do nothing else, as below
    "last_waiting": (_I, -1),
    "first_served": (_I, -1),  # of those whose media are being encoded
    "ends_us": (_I, NEVER_US),  # when that pass ends; NEVER_US: there is none
    "waiting_requests": (_I, 0),
    "served_requests": (_I, 0),
    "passes": (_I, 0),  # of the encoder, beside steps of the model or alone
    "tokens": (_I, 0),  # that these gave
    "encoding_us": (_I, 0),  # that they took
}

# Of a request; a node of a heap of blis.engine.ranked_heap as well.
ENCODED_FIELDS = {
    "encoded_tokens": (_I, 0),  # leading ones of its media that are embeddings where its prompt is computed, or cached
    "chunk_tokens": (_I, 0),  # of those, encoded with its latest chunk
    "encode_instance": (_I, -1),  # that encodes its media, or has; -1: none apart from who computes the prompt
    "sent_us": (_I, -1),  # when it was sent there
    "started_us": (_I, -1),  # of the pass that encodes its media
    "encoded_us": (_I, -1),  # end of that pass
    "arrives_us": (_I, -1),  # when its embeddings are where the prompt is computed
    "depth": (_I, 0),  # transfers of embeddings under way when its own began, itself included
    "next_waiting": (_I, -1),  # request behind it, among those that wait or among those that are served
    **RANKED_NODE,  # key: when its embeddings arrive [µs]
}
