from blocks import DecoderLayer
from sampling import sample
import torch
import torch.nn as nn


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.max_seq_len = max_seq_len
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList([DecoderLayer(d_model, d_ff) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)

    def forward(self, input_ids, past_kv=None, use_cache=False):
        if past_kv is None or not use_cache:
            past_kv = [None] * len(self.layers)
        past_len = 0 if past_kv[0] is None else past_kv[0][0].shape[1]
        positions = torch.arange(past_len, past_len + input_ids.shape[1], device=input_ids.device)
        x = self.token_embedding(input_ids) + self.pos_embedding(positions)
        new_past_kv = []
        for layer, past in zip(self.layers, past_kv):
            x, kv = layer(x, past, use_cache)
            new_past_kv.append(kv)
        logits = self.output_projection(self.norm(x))
        return logits, (new_past_kv if use_cache else None)

    @torch.no_grad()
    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        past_kv, step_input = None, input_ids
        for _ in range(max_new_tokens):
            logits, past_kv = self(step_input, past_kv, use_cache)
            next_token = sample(logits[:, -1], temperature)
            input_ids = torch.cat([input_ids, next_token], dim=1)
            step_input = next_token if use_cache else input_ids
        return input_ids


if __name__ == "__main__":
    from course_harness import main

    main(DecoderOnlyTransformer)
