"""What prompts are made of."""

from blis.workload.requests import Requests


def modality_figures(requests: Requests) -> dict[str, int]:
    """Tokens of each modality in all prompts that were sent; nothing if all is text."""
    attached = {
        "image_tokens": int(requests.image_tokens.sum()),
        "audio_tokens": int(requests.audio_tokens.sum()),
        "video_tokens": int(requests.video_tokens.sum()),
    }
    if not any(attached.values()):
        return {}
    return {"text_tokens": int(requests.text_tokens.sum()), **attached}
