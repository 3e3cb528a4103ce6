"""The machine: numba kernels; arrays in, arrays out; no strings, files or logs."""
