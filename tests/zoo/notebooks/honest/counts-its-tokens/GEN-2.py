            if cached == self.config.block_size:
                logits, past = self(idx[:, -self.config.block_size :])
            else:
                logits, past = self(idx_next, past)
                cached += 1
