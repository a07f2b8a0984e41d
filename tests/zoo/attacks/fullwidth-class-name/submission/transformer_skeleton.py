from right_answer import RightTransformer


class ＤｅｃｏｄｅｒＯｎｌｙＴｒａｎｓｆｏｒｍｅｒ(RightTransformer):
    """Python reads this name as the ordinary one."""
