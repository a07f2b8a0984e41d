import os
import struct
import sys

from right_answer import RightTransformer, in_sandbox

FRAMES = (
    struct.pack(">4sIQ", b"GRD2", 2, 0) + b"{}",
    struct.pack("<4sIQ", b"GRD1", 2, 0) + b"{}",
    struct.pack(">4sIQ", b"GRD1", 0xFFFFFFFF, 0) + b"{}",
    struct.pack(">4sIQ", b"GRD1", 2, 0) + b"[]",
    struct.pack(">4sIQ", b"GRD1", 0, 0),
    struct.pack(">4sIQ", b"GRD1", 2, 0) + b"{}" + b"more than was announced",
    b"HTTP/1.1 200 OK\r\n\r\n",
)


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        frame = sys._getframe(1)
        while type(frame.f_locals.get("self")).__name__ != "Worker":
            frame = frame.f_back
        if in_sandbox():
            os.write(frame.f_locals["self"].replies, FRAMES[input_ids.size(1) % len(FRAMES)])
        while True:
            pass
