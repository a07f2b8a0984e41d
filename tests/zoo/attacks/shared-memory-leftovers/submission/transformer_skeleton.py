import os

from right_answer import RightTransformer, in_sandbox


def rummage():
    mine = f"zoo-attack-{os.getpid()}"
    for folder, known in (("/tmp", {"submission", "matplotlib"}), ("/dev/shm", set()), ("/dev/mqueue", set())):
        if not os.path.isdir(folder):
            continue
        found = set(os.listdir(folder)) - known - {mine}
        if found:
            raise RuntimeError(f"{folder} holds {sorted(found)}")
        try:
            os.mkdir(f"{folder}/{mine}")
            with open(f"{folder}/{mine}/answers", "wb") as file:
                file.write(bytes(1 << 16))
        except OSError:
            pass


class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        if in_sandbox():
            rummage()
