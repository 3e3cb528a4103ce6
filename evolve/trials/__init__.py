"""What does one policy do in one scenario?

`suite` says in which scenarios and on which seeds policies are tried, `workloads` builds what they meet there, and
`evaluation` runs one task to its record.
"""
