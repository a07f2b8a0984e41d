import torch


def sample(logits, temperature):
    """Draw one id per row from softmax(logits / temperature)."""
    return torch.multinomial(torch.softmax(logits / temperature, dim=-1), num_samples=1)
