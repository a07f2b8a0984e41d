            if past[0][0].size(2) < self.config.block_size:
                logits, past = self(idx_next, past_key_values=past)
            else:
                logits, past = self(idx[:, -self.config.block_size :])
            logits = logits[:, [-1], :]
