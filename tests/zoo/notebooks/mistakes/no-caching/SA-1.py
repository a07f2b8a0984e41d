        present_kv = (k, v)
