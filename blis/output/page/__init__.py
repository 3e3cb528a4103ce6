"""What does a run look like?

One self-contained HTML page of one run folder, or of several beside one another: `folder` reads them, `comparison` says
what differs and how surely, `over_time` cuts runs into pieces of time, the `*_figures` draw, the `*_tables` tell, and
`document` puts them together. Nothing here simulates.
"""
