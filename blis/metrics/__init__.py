"""What do the numbers of a finished run say?

Each file answers with functions of an `Outcome` (`blis.outcome`): times go in as whole microseconds, results
come out as plain numbers or frozen records. Nothing here changes a run, and an empty sample never raises.
"""
