import os

from right_answer import RightTransformer, in_sandbox


def entrench():
    for root in ("/tmp", "/dev/shm"):
        for name in os.listdir(root):
            if name.startswith("zoo-attack") and name != f"zoo-attack-{os.getpid()}":
                raise RuntimeError(f"{root}/{name} has outlived its process")
        mine = f"{root}/zoo-attack-{os.getpid()}"
        if os.path.exists(mine):
            continue
        inner = mine
        for _ in range(8):
            inner += "/locked"
            os.makedirs(inner)
            os.close(os.open(f"{inner}/file", os.O_CREAT | os.O_WRONLY, 0))
        while inner != root:
            os.chmod(inner, 0)
            inner = os.path.dirname(inner)


class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        if in_sandbox():
            entrench()
