"""The guest: the program that runs inside the sandbox, next to the student's code.

The host never imports these modules. It sends their source text in as the first bytes of the
conversation (`grader.sandbox.boot`), so a sandbox needs nothing but Python, torch and numpy.
They import the standard library, torch, numpy and each other, and nothing else of this project.

Whatever the guest says is a claim. Student code is assumed to own its whole sandbox, so the
guest holds no expected value, no tolerance, no clock that counts and no verdict.
"""
