        total_len = k.size(-2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(C // self.n_head))
        if T > 1:
            att = att.masked_fill(self.tril[total_len - T : total_len, :total_len] == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        y = self.attn_dropout(att) @ v
