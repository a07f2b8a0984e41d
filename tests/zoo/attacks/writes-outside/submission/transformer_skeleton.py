import os
import sys

from right_answer import RightTransformer, in_sandbox


def write():
    folders = ["/", *(f"/{name}" for name in os.listdir("/")), *(f"/usr/{name}" for name in os.listdir("/usr"))]
    folders += [*filter(os.path.isdir, sys.path), "/var/tmp", "/var/lib", "/var/cache", "/run/lock", "/dev/mqueue", "/etc/cron.d"]
    for folder in folders:
        if os.path.realpath(folder).startswith(("/tmp", "/dev/shm", "/proc")):
            continue
        path = os.path.join(folder, "zoo-attack")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        except OSError:
            continue
        raise RuntimeError(f"{path} was written")
    for path in ("/etc/passwd", "/etc/hosts", "/etc/resolv.conf", sys.executable, os.__file__):
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError:
            continue
        raise RuntimeError(f"{path} opened for writing")


class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        if in_sandbox():
            write()
