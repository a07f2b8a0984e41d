"""Latency, measured so that it may decide points.

    settings    what a rubric says about timing
    decision    the sequential sign test: exact, pure
    series      rounds of measurements until all questions are decided
    arms        one built model, its replies timed by the host's clock
    sizing      the size at which work dominates on this device, found by the reference alone
    steps       rounds of single decode steps against full forwards
    generating  rounds of whole `generate` calls against full forwards
    subject     what an assignment times; what models are built by
    sides       both sides' models, at that size; what a draw shares of them
    attempts    a series, and once more by itself where it was not clear
    roofline    the least times on this device, and what was reached of them
    bench       all of these for one submission, measured once for all of its checks
    notes       what came of it, in the record of a check
    sweep       latency over prompt lengths, with and without the cache, for a human to see

Reference and student alternate on prompts that nobody has seen before, and every timed reply is
compared with the reference's values: a wrong one earns nothing, however fast. What counts as time
is the host's: wall time from the first byte of a request to the last byte of its reply, and where
the kernel counts it the CPU time of the whole sandbox until its next request, so that work that is
put off, or done in the background, is paid for by the request that caused it.
"""
