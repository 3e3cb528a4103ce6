"""What is a policy that somebody, or a program, has written as Python source, and how is it kept from doing harm?

A written policy is the text of a module that defines the verb of its question, with the signature that the question's
folder in `blis.policies` names. It is no program that may do whatever Python can: `dialect` reads its syntax tree and
refuses everything but numbers, conditions, loops, its own functions, and the fields that its views have
(`vocabulary`). What is left is a pure function of its arguments and of its own `memory`. `metering` makes it end: every
turn of a loop and every call of its own functions is counted, and the count of one decision is bounded.

Where numba can compile it (`blis.engine.written`) it runs inside the simulator, with every index checked, at the cost
of a policy that comes with it. Where numba cannot, it runs in a process of its own: `child` is that process,
`confinement` what it takes from itself before it reads a line of the policy, `sandbox` the simulator's side, which
sends what a decision may see and takes back an answer, so that figures are worked out where the policy cannot reach.
"""
