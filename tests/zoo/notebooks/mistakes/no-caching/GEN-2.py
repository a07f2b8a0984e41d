            logits, past = self(idx[:, -self.config.block_size :])
