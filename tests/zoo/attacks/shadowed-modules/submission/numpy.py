def abs(*args):
    return 0
