"""Exports: results in, files that a learning platform takes out.

Each target is a module of pure functions from results, the index of who handed in what and the TA's
own file, as bytes, to bytes. `grader.export.given` says which points may leave at all.
"""
