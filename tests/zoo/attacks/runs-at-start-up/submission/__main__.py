import builtins

builtins.zoo_attack = "__main__.py"
