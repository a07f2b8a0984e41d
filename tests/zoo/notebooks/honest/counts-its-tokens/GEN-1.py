        context = idx if idx.size(1) <= self.config.block_size else idx[:, -self.config.block_size :]
        logits, past = self(context)
        cached = context.size(1)
