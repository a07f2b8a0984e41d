            if cache[0][0].shape[2] >= self.config.block_size:
                logits, cache = self.forward(idx[:, -self.config.block_size :])
            else:
                logits, cache = self.forward(idx[:, [-1]], cache)
