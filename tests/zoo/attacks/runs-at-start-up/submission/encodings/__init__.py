import builtins

builtins.zoo_attack = "encodings"
