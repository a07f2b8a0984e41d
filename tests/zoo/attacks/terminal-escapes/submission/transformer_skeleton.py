import sys

from right_answer import RightTransformer

TEXT = (
    "\x1b[2J\x1b[H\x1b]0;50 of 50\x07\x1b[8m\x9b31m\x08\x08\x08\r"
    "\u202e05 fo 05\u202c\u200b\u2066</td></table><script>alert(1)</script>"
    "[click](javascript:alert(1)) ![x](http://192.0.2.1/x.png) \x00\udcff\ufeff"
)


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        sys.stderr.buffer.write(TEXT.encode(errors="replace") * 100)
        raise type(f"Error{TEXT}", (Exception,), {})(TEXT)
