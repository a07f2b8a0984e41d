"""Reports: a result in, text out. They read the result's JSON and nothing else."""
