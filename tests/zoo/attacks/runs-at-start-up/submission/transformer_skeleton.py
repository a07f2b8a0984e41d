import builtins

from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        if hasattr(builtins, "zoo_attack"):
            raise RuntimeError(f"{builtins.zoo_attack} was run")
