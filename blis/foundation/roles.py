"""What an instance does for requests: their prompts, their outputs, or both."""

PREFILL, DECODE = 1, 2
#: Role -> its bits, as kernels know it.
BITS = {"prefill": PREFILL, "decode": DECODE, "both": PREFILL | DECODE}
