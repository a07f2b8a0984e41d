"""A whole course in one go: many submissions, side by side, each result on disk at once.

Its modules, in the order of the story:

    handins     which submissions there are
    journal     which batch this is, and what of it is done: what `--resume` goes by
    slot        one grader process; it grades one submission after the other
    engine      what grades them: this machine, or others
    local       this machine
    fitting     how many gradings fit side by side
    running     hands the submissions out to slots, and does without those that are lost
    screen      what is seen meanwhile
    logs        what is kept of each submission's grading
    stopping    a batch that has used up what it may use ends by itself
    tally       the summary
    story       all of it
"""
