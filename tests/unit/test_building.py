"""Building a model in the sandbox: the numbers of large tensors are not drawn, all others are."""

import pytest
import torch

from grader.guest import building


class Own(torch.nn.Module):
    """As a student may write one."""

    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(width, width)
        self.table = torch.nn.Embedding(width, width)
        torch.nn.init.xavier_uniform_(self.linear.weight)
        torch.nn.init.constant_(self.linear.bias, 0.25)


def test_models_of_usual_sizes_are_as_ever():
    """Whatever draws their numbers draws the same ones, in the same order."""
    torch.manual_seed(0)
    expected = Own(64).state_dict()
    torch.manual_seed(0)
    with building.undrawn():
        got = Own(64).state_dict()
    assert all(torch.equal(got[name], value) for name, value in expected.items())


def test_nothing_is_drawn_for_a_large_tensor():
    """The state of the generator is as it was but for the small bias; constants are set."""
    small = torch.Generator()
    small.manual_seed(0)
    torch.manual_seed(0)
    with building.undrawn():
        model = Own(2048)
    torch.nn.init.uniform_(torch.empty(2048), generator=small)  # the bias of the linear layer
    assert torch.equal(torch.get_rng_state(), small.get_state())
    assert (model.linear.bias == 0.25).all()


def test_what_a_student_has_put_in_its_place_stays(monkeypatch):
    """After an exception, too, torch is as the submission has left it."""
    mine = torch.nn.init.normal_

    def own(tensor, *more):
        return mine(tensor, *more)

    monkeypatch.setattr(torch.nn.init, "normal_", own)
    seen = []

    def build():
        with building.undrawn():
            seen.append(torch.nn.init.normal_)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        build()
    assert seen != [own]
    assert torch.nn.init.normal_ is own
