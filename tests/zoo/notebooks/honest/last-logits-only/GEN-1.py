        logits, past = self(idx[:, -self.config.block_size :])
        logits = logits[:, [-1], :]
