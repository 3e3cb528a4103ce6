"""How long do other simulators take for the same trace? NVIDIA's DynoSim and ours, in turn, in CPU seconds.

DynoSim comes with the packages of `INSTALL`. It is needed by nothing but this experiment, and stays in an environment
of its own, whose Python the command is told.
"""

#: What makes an environment with DynoSim: its packages ask for many more, which a replay does without.
INSTALL = (
    "python3 -m venv VENV"
    " && VENV/bin/pip install --no-deps ai-dynamo==1.6.1 ai-dynamo-runtime==1.6.1"
    " && VENV/bin/pip install msgspec uvloop pydantic prometheus_client typing-extensions"
)
