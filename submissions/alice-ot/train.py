"""Associative recall: train a small transformer on it and predict.

    python train.py num_layers=2                        its own data, prints the accuracy
    python train.py num_layers=2 data=DIR out=FILE      learns DIR/train, writes predictions

A line of DIR/train is a sequence of whole numbers: key value key value ... key value. The value of
a key that came before is the one it had before. DIR/test has the same lines without the last value:
FILE gets that value, one a line.
"""

import sys
import time
from pathlib import Path

import torch
from attention import attention
from torch import nn

KEYS, VALUES, PAIRS = 10, 10, 12
VOCABULARY = KEYS + VALUES
WIDTH, HEADS = 64, 1
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
STEPS, BATCH, RATE = 400, 64, 2e-3


class Block(nn.Module):
    """Attention and an MLP, each after a norm and added to what came in."""

    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x):
        """x: (B, N, WIDTH), and so is what is returned."""
        batch, length, _ = x.shape
        heads = self.qkv(self.norms[0](x)).reshape(batch, length, 3, HEADS, WIDTH // HEADS)
        q, k, v = heads.permute(2, 0, 3, 1, 4)  # (B, HEADS, N, WIDTH / HEADS) each
        mixed = attention(q, k, v).transpose(1, 2).reshape(batch, length, WIDTH)
        x = x + self.out(mixed)
        return x + self.mlp(self.norms[1](x))


class Transformer(nn.Module):
    """Token and position embeddings, blocks, and a score for every token that may come next."""

    def __init__(self, num_layers, longest):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(longest, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(num_layers))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, ids):
        """Return logits (B, N, VOCABULARY) for ids (B, N)."""
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def seen_before(ids):
    """Tell for the key of each pair whether it came before: (B, pairs)."""
    keys = ids[:, 0::2]
    same = keys[:, :, None] == keys[:, None, :]  # (B, pairs, pairs)
    return torch.tril(same, diagonal=-1).any(dim=-1)


def train(ids, num_layers):
    """Return a model trained on sequences (n, 2 * pairs)."""
    torch.manual_seed(0)
    ids = ids.to(DEVICE)
    model = Transformer(num_layers, ids.shape[1]).to(DEVICE)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS,
                                                   pct_start=0.1)  # fmt: skip
    known, begin = seen_before(ids), time.monotonic()
    for step in range(1, STEPS + 1):
        rows = torch.randint(0, len(ids), (BATCH,), device=DEVICE)
        logits = model(ids[rows, :-1])[:, 0::2]  # what follows each key
        wanted, mask = ids[rows, 1::2], known[rows]
        loss = nn.functional.cross_entropy(logits[mask], wanted[mask])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}/{STEPS}, loss {loss.item():.3f}, "
                  f"{time.monotonic() - begin:.0f} s", flush=True)  # fmt: skip
    return model


@torch.no_grad()
def predict(model, ids):
    """Return the value that is to follow each sequence (n, 2 * pairs - 1)."""
    return model(ids.to(DEVICE))[:, -1].argmax(-1).cpu()


def sequences(count):
    """Return sequences (count, 2 * PAIRS + 2) of pairs, the last of a key that came before."""
    keys = torch.randint(0, KEYS, (count, PAIRS + 1))
    asked = torch.randint(0, PAIRS, (count,))
    keys[:, -1] = keys[torch.arange(count), asked]
    table = KEYS + torch.randint(0, VALUES, (count, KEYS))
    return torch.stack([keys, table.gather(1, keys)], dim=2).reshape(count, -1)


def read(path):
    """Return the sequences of a file as ids (n, length)."""
    return torch.tensor([[int(n) for n in line.split()] for line in path.read_text().splitlines()])


def main():
    """Run as run.sh asks."""
    torch.set_num_threads(1)  # the tensors are small: more threads only wait for each other
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    num_layers = int(given.get("num_layers", 2))
    if "data" in given:
        folder = Path(given["data"])
        model = train(read(folder / "train"), num_layers)
        found = predict(model, read(folder / "test")).tolist()
        Path(given["out"]).write_text("".join(f"{value}\n" for value in found))
        return
    ids = sequences(9_000)
    model = train(ids[1_000:], num_layers)
    right = (predict(model, ids[:1_000, :-1]) == ids[:1_000, -1]).float().mean()
    print(f"num_layers={num_layers}: accuracy {right:.1%}")


if __name__ == "__main__":
    main()
