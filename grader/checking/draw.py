"""The draw: where all weights and prompts of a grading come from.

One secret seed is drawn for each grading, or once for a whole batch so that nobody is treated
differently. It never enters a sandbox. Every label has a stream of its own, so adding a check
does not change what the others draw.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Draw:
    """A seed, in hexadecimal."""

    seed: str

    @classmethod
    def fresh(cls) -> Draw:
        """Draw a new seed from the system's source of secrets."""
        return cls(secrets.token_hex(16))

    @property
    def digest(self) -> str:
        """What may be shown of the seed: two results with the same digest had the same draw."""
        return "sha256:" + hashlib.sha256(f"draw {self.seed}".encode()).hexdigest()

    def rng(self, label: str) -> np.random.Generator:
        """Return the random stream of one label."""
        entropy = hashlib.sha256(f"{self.seed} {label}".encode()).digest()
        return np.random.default_rng(int.from_bytes(entropy, "big"))
