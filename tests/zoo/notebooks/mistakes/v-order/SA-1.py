        if past_kv is not None:
            past_k, past_v = past_kv
            k = torch.cat((past_k, k), dim=2)
            v = torch.cat((v, past_v), dim=2)
        present_kv = (k, v)
