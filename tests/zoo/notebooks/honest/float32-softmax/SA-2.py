        P = k.size(2) - T
        scores = q @ k.transpose(-2, -1) / math.sqrt(k.size(-1))
        scores = scores.masked_fill(~self.tril[P : P + T, : P + T], float("-inf"))
        y = self.attn_dropout(F.softmax(scores.float(), dim=-1).type_as(v)) @ v
