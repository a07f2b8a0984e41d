        window = idx[:, -self.config.block_size :]
        logits, cache = self.forward(window, past_key_values=None)
