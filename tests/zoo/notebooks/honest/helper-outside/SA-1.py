        k, v = joined(past_kv, k, v)
        present_kv = (k, v)
