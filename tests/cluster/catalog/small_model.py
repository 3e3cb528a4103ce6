"""A small model's file, to be changed key by key."""

import json

SMALL = {
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "torch_dtype": "bfloat16",
}


def write(folder, **changes):
    """A folder with a small model's file; a change to None leaves the key out."""
    folder.mkdir(exist_ok=True)
    config = {key: value for key, value in {**SMALL, **changes}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
    return folder
