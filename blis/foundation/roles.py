"""What an instance does for requests: their prompts, their outputs, both, or the encoding of their media alone."""

PREFILL, DECODE, ENCODE = 1, 2, 4
#: Role -> its bits, as kernels know it. Whoever computes a prompt can encode what it needs as well; ENCODE is the bit
#: of instances that do nothing else.
BITS = {"prefill": PREFILL, "decode": DECODE, "both": PREFILL | DECODE, "encode": ENCODE}
