import os
import resource

from right_answer import RightTransformer, in_sandbox


def sparse():
    for folder in ("/tmp", "/dev/shm"):
        with open(f"{folder}/zoo-attack-{os.getpid()}", "wb") as file:
            try:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            except (OSError, ValueError):
                pass
            try:
                file.truncate(1 << 40)
            except OSError:
                continue
        raise RuntimeError(f"a file of a terabyte fits into {folder}")


class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        if in_sandbox():
            sparse()
