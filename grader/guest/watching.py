"""Watching a model at work: what it is fed, and what its parts put out."""

from __future__ import annotations

import functools
from typing import Any, Self

import torch


class Feed:
    """Counts the tokens per row that go into the model, call by call.

    Two witnesses, since a student may write generate in terms of either: calls of forward on
    this model, and ids looked up in an embedding of the vocabulary's size.
    """

    def __init__(self, model: Any, vocabulary: int) -> None:  # noqa: ANN401 - the student's own object
        self.model = model
        self.calls: list[int] = []
        self.lookups: list[int] = []
        self.hooks = [
            module.register_forward_pre_hook(self._looked_up)
            for module in model.modules()
            if isinstance(module, torch.nn.Embedding) and module.num_embeddings == vocabulary
        ]

    def __enter__(self) -> Self:
        """Watch."""
        forward = self.model.forward

        def counted(*args: Any, **keywords: Any) -> Any:  # noqa: ANN401
            tensors = [a for a in (*args, *keywords.values()) if isinstance(a, torch.Tensor)]
            if tensors:
                self.calls.append(int(tensors[0].shape[-1]))
            return forward(*args, **keywords)

        self.model.__dict__["forward"] = counted
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer."""
        self.model.__dict__.pop("forward", None)
        for hook in self.hooks:
            hook.remove()

    def _looked_up(self, _module: object, args: tuple[Any, ...]) -> None:
        self.lookups.append(int(args[0].shape[-1]) if args and args[0].dim() else 0)

    @property
    def counts(self) -> list[int]:
        """Return the tokens per row of each call, by the witness that saw more."""
        return max(self.calls, self.lookups, key=sum)


class Outputs:
    """Keeps the last output of some modules, by name; of a tuple, its first part."""

    def __init__(self, model: Any, names: list[str]) -> None:  # noqa: ANN401 - the student's own object
        self.kept: dict[str, Any] = {}
        modules = dict(model.named_modules()) if names else {}
        self.unknown = [name for name in names if name not in modules]
        for name in names:
            if name in modules:
                modules[name].register_forward_hook(functools.partial(self._keep, name))

    def _keep(self, name: str, _module: object, _args: object, output: Any) -> None:  # noqa: ANN401
        self.kept[name] = output[0] if isinstance(output, tuple | list) and output else output
