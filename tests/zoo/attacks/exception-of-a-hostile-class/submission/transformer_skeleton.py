from right_answer import RightTransformer


class Name(str):
    def __getitem__(self, _key):
        return Name("x" * (1 << 20))

    def __str__(self):
        return self


class Meta(type):
    @property
    def __name__(cls):
        raise KeyboardInterrupt

    def __instancecheck__(cls, other):
        return True


class Hostile(Exception, metaclass=Meta):
    def __str__(self):
        return Name("a text that grows when it is cut")

    @property
    def __traceback__(self):
        raise SystemExit(0)


class Long(Exception):
    def __str__(self):
        return Name("\udcff" * 1000)


class DecoderOnlyTransformer(RightTransformer):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        raise Hostile if input_ids.size(1) % 2 else Long
