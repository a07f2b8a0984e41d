        P = 0 if past_kv is None else past_kv[0].size(2)
        keys = k.new_empty(B, self.n_head, P + T, C // self.n_head)
        values = torch.empty_like(keys)
        if P:
            keys[:, :, :P], values[:, :, :P] = past_kv
        keys[:, :, P:], values[:, :, P:] = k, v
        k, v = keys, values
        present_kv = (k, v)
