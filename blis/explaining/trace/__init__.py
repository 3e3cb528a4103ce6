"""What was decided?

Each file is one kind of record of a traced run: `table(result) -> pyarrow.Table`, one row per record in the order of
time, which a run writes to `trace/<name>.parquet`. Requests are named by number and instances by index; times are in
µs, regrets in ms.
"""
