import builtins

builtins.zoo_attack = "sitecustomize.py"
