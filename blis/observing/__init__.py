"""A workload sent to a real server over the OpenAI protocol, and what came back, request by request.

The parts: `settings` (what was asked for), `schedule` (who is sent when), `prompts/` (real tokens or text behind the
keys of a workload), `protocol/` (bodies, event streams, answers), `exchange` (one request on the wire), `campaign` (all
of them), `journal` and `trace_files` (what is on disk), `figures` (what it comes to).
"""
