"""A batch on more than one machine, by Dask distributed: the extra ``grader[cluster]``.

Theory of operation
    machine of `grader batch`                 machines that grade
    -------------------------                 -------------------
    queue (SQLite): waiting, given, done      `grader worker`: a Dask worker, no more
    examines each machine        --->         has it the sandbox, the same grader, the same torch?
    gives each as many as fit    --->         task: one hand-in, to a warm slot (a process of its
                                              own), which runs student code in its sandbox
    checks and writes the result <---         the result and its files, as bytes; nothing is kept

    Dask carries bytes and says which workers live. What is given to whom is decided here, and is
    in the queue; so a scheduler, a worker or this very process may die at any moment, and what has
    no result is given again. A result is stored once: whoever comes second is dropped.

    Dask's own messages are pickles, which run code where they are read. So whoever may speak to a
    scheduler or a worker may do there what the grader may, and all lines are TLS with certificates
    on both ends. Student code is in a sandbox without network, and never in a process of Dask.

Its modules:

    addresses   dask://, ssh://, slurm://: what is meant
    tls         certificates, and which lines may do without
    packing     a pack as bytes, and laid out again
    sent        a hand-in and its result as JSON
    private     folders for their owner alone, of which nothing stays
    slot        the process that grades, told all by its parent
    machine     whether this machine can grade, in one sentence
    bench       what is in the process of a Dask worker: the slots of a batch
    serving     `grader worker`
    queue       waiting, given, done
    starting    a scheduler and its workers: found, or started by ssh or Slurm
    machines    those that can grade, as the batch sees them
    running     gives hand-ins to machines, and takes results
    engine      all of it, as `grader.batch` wants it
"""
