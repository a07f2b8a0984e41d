import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class SingleHeadAttention(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.d_model = d_model
        self.scale = math.sqrt(d_model)
        self.W_q = nn.Linear(d_model, d_model, bias=False)
        self.W_k = nn.Linear(d_model, d_model, bias=False)
        self.W_v = nn.Linear(d_model, d_model, bias=False)
        self.W_o = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, past_kv=None, use_cache=False):
        batch_size, seq_len, _ = x.shape

        # linear projections
        query = self.W_q(x)
        key = self.W_k(x)
        value = self.W_v(x)

        # prepend the cached keys and values if there are any
        past_len = 0
        if past_kv is not None:
            past_key, past_value = past_kv
            past_len = past_key.shape[1]
            key = torch.cat((past_key, key), dim=1)
            value = torch.cat((past_value, value), dim=1)
        present = (key, value) if use_cache else None

        # attention scores
        attn_scores = torch.matmul(query, key.transpose(-2, -1)) / self.scale

        # causal mask: 1 above the diagonal means "not allowed"
        total_len = past_len + seq_len
        mask = torch.triu(torch.ones(total_len, total_len, device=x.device), diagonal=1)
        mask = mask[past_len:total_len, :]  # rows of the new tokens
        attn_scores = attn_scores.masked_fill(mask == 1, float('-inf'))

        attn_weights = F.softmax(attn_scores, dim=-1)
        context = torch.matmul(attn_weights, value)
        return self.W_o(context), present


class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff):
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_ff)
        self.fc2 = nn.Linear(d_ff, d_model)
        self.activation = nn.ReLU()

    def forward(self, x):
        x = self.fc1(x)
        x = self.activation(x)
        x = self.fc2(x)
        return x


class DecoderLayer(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.attention = SingleHeadAttention(d_model)
        self.feed_forward = FeedForward(d_model, d_ff)
        self.norm1 = nn.LayerNorm(d_model)
        self.norm2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, past_kv=None, use_cache=False):
        # attention block
        residual = x
        x = self.norm1(x)
        x, new_kv = self.attention(x, past_kv=past_kv, use_cache=use_cache)
        x = self.dropout(x)
        x = residual + x

        # feed forward block
        residual = x
        x = self.norm2(x)
        x = self.feed_forward(x)
        x = self.dropout(x)
        x = residual + x
        return x, new_kv


class DecoderOnlyTransformer(nn.Module):
    def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):
        super().__init__()
        self.d_model = d_model
        self.num_layers = num_layers
        self.max_seq_len = max_seq_len
        self.token_embedding = nn.Embedding(vocab_size, d_model)
        self.pos_embedding = nn.Embedding(max_seq_len, d_model)
        self.layers = nn.ModuleList([DecoderLayer(d_model, d_ff) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.output_projection = nn.Linear(d_model, vocab_size)

    def forward(self, input_ids, past_kv=None, use_cache=False):
        batch_size, seq_len = input_ids.shape
        if not use_cache:
            past_kv = None

        # number of tokens that are already in the cache
        if past_kv is not None:
            start_pos = past_kv[0][0].shape[1]
        else:
            start_pos = 0

        # token + position embeddings
        position_ids = torch.arange(start_pos, start_pos + seq_len, device=input_ids.device)
        position_ids = position_ids.unsqueeze(0).expand(batch_size, seq_len)
        tok_emb = self.token_embedding(input_ids)
        pos_emb = self.pos_embedding(position_ids)
        x = tok_emb + pos_emb

        # decoder layers, every one with its own cache
        presents = ()
        for i in range(self.num_layers):
            layer_past = past_kv[i] if past_kv is not None else None
            x, present = self.layers[i](x, past_kv=layer_past, use_cache=use_cache)
            presents = presents + (present,)

        x = self.norm(x)
        logits = self.output_projection(x)

        if use_cache:
            return logits, presents
        return logits, None

    def generate(self, input_ids, max_new_tokens, temperature=1.0, use_cache=True):
        self.eval()
        generated = input_ids
        past_kv = None
        with torch.no_grad():
            for step in range(max_new_tokens):
                if use_cache and step > 0:
                    # only the newest token, the rest is cached
                    model_input = generated[:, -1:]
                else:
                    model_input = generated
                logits, past_kv = self.forward(model_input, past_kv=past_kv, use_cache=use_cache)
                next_token_logits = logits[:, -1, :] / temperature
                probs = F.softmax(next_token_logits, dim=-1)
                next_token = torch.multinomial(probs, num_samples=1)
                generated = torch.cat((generated, next_token), dim=1)
        return generated


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--prompt_length', type=int, default=10)
    args = parser.parse_args()
    model = DecoderOnlyTransformer(1000, 50, 100, 2, 128)
    prompt = torch.randint(0, 1000, (1, args.prompt_length))
    print(model.generate(prompt, 20))
