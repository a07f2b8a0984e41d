            new = self.transformer.wte(idx_next) + self.transformer.wpe(torch.zeros_like(idx_next))
            kept = []
            for i, layer in enumerate(self.transformer.h):
                new, pair = layer(new, past[i])
                kept.append(pair)
            past = kept
            logits = self.lm_head(self.transformer.ln_f(new))
