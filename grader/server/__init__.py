"""A server that grades the courses it is told about, night after night, with nobody beside it.

Its modules, in the order of the story:

    courses     a course's file: what lies where, how it is graded, what it may use
    lock        one night at a time
    budget      what a course may take of disk and memory, and what has to stay free
    night       all of it: each course in turn, whatever becomes of the one before
    old         what has been kept for long enough
    examining   what a course's file asks for, and whether it is there: `grader doctor --server`
"""
