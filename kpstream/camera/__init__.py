"""A camera, described once and assembled once; and a site, which keeps a process for each of its cameras running.

`spec` describes a camera, `assembly` puts it together and runs it: for ``live`` in the main thread, for a site in
`child`, the process that `session` starts, and starts again. `link` has the messages between the two.
"""
