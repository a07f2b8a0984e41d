import builtins

builtins.zoo_attack = "usercustomize.py"
