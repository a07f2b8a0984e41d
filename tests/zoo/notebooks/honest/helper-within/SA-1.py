        def join(old, new):
            return new if old is None else torch.cat([old, new], dim=-2)

        past_k, past_v = past_kv if past_kv is not None else (None, None)
        k, v = join(past_k, k), join(past_v, v)
        present_kv = [k, v]
