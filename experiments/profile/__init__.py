"""Where does a simulation spend its time?

`python -m experiments.profile [headline|fleet|blocks|prefix|silicon] [seconds=10]`, or `make profile`, samples a run
with Linux's `perf`, and prints the share of each kernel, and of what is not one. Kernels that the compiler has put
into their callers count as those. Nothing about the run changes: `perf` only lacks the names of functions that are made
while a program runs, so a list of them is written beside (a file `perf-PID.map`, as `perf` looks for it).
"""
