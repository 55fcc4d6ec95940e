"""MADTKD (Tseng et al., NeurIPS 2022): a joint teacher that is told the return, distilled into one student per agent.

    teacher   p(a^t | R^<=t, o^<=t, a^<t) = prod_i p(a_i^t | ..., a_<i^t)     one causal transformer; a step's tokens are
                                                                             R, o_1, ..., o_N, a_1, ..., a_N
    students  pi_i(a_i^t | R^<=t, o_i^<=t, a_i^<t)                            one each; a step's tokens are R, o_i, a_i

    teacher's loss    -E sum_i log p(a_i | ..., a_<i)
    students' loss    E sum_i [ -c log pi_i(a_i | .) + d KL(p(. | ..., a_<i) || pi_i) ]
                      + e E mean_{i<j} huber(cos_ij of the teacher - cos_ij of the students)

R^t is the return to go, E the mean over the data's steps, cos_ij the cosine of what agents i and j are represented by: the
features that their tables are read from.  The teacher is autoregressive over agents, so that it is a joint distribution, and
by the chain rule the sum of its conditionals' divergences, with a_<i from the data, estimates KL(p || prod_i pi_i).  Given R,
both of the students' first terms have the teacher's marginals as their minimiser, which are the data's given R.  In play R^1
is the best return in the data: the population version is ``alberdice.tabular.algorithms.madtkd``.

Teacher and students learn together.  No gradient runs from the students into the teacher, so it comes to its own minimiser,
p(a | R) of the data, as if alone, and the students' target with it; until then cloning keeps them to the data.  A pretrained
teacher would have the same limit for twice the updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn.functional import huber_loss, normalize

from alberdice.deep import sums
from alberdice.deep.batches.sequences import Batch, Sequences
from alberdice.deep.batches.training_data import TrainingData, indicators
from alberdice.deep.config import SequenceConfig, Within, defaults, fights, football, warehouses
from alberdice.deep.learner import not_finite, register
from alberdice.deep.losses import behaviour_loss, log_policy
from alberdice.deep.networks.capture import Direct, Execution
from alberdice.deep.networks.mlp import Adam
from alberdice.deep.networks.transformer import StackedTransformer
from alberdice.deep.policies.transformer import Returns, TransformerPolicies, policy_tables, returns_network

__all__ = ["MADTKD", "MADTKDConfig", "distillation_loss", "relation_loss"]

Weight = Annotated[float, Within(0.0, 1e6)]


@dataclass(frozen=True)
@defaults(algorithm="madtkd", updates=1000, batch_size=512)
class MADTKDConfig(SequenceConfig):
    """Distilled return-conditioned transformers."""

    presets = {  # noqa: RUF012  (a class attribute, no setting)
        "rware": {**warehouses.PLAIN, "updates": 1000, "learning_rate": 3e-3, "width": 64},  # windows: chunks slow its teacher
        "smax": {**fights.PLAIN, "width": 64, "learning_rate": 5e-4},
        "football": football.PLAIN,
    }

    weight_decay: Annotated[float, Within(0.0, 1.0)] = 0.01
    """AdamW's, as a share of the learning rate"""
    cloning_weight: Weight = 1.0
    """of the students' cross-entropy with the data"""
    distillation_weight: Weight = 1.0
    """of the divergence of the students from the teacher"""
    relation_weight: Weight = 0.5
    """of the distance between the teacher's and the students' cosines of two agents' features"""


def distillation_loss(log_teacher: Tensor, log_student: Tensor, weight: Tensor) -> Tensor:
    """KL(teacher || student) of every agent, ``(...,)``; no gradient runs into the teacher.

    Args:
        log_teacher, log_student: ``(..., B, A)``; both ``losses.MASKED`` where an action is unavailable.
        weight: ``(B,)``, summing to 1.
    """
    target = log_teacher.detach()
    return sums.total(weight * (target.exp() * (target - log_student)).sum(-1))


def relation_loss(teacher: Tensor, students: Tensor, weight: Tensor) -> Tensor:
    """Huber distance (delta 1) of the cosines of two agents' features, mean over pairs of agents; 0 for one agent.

    Args:
        teacher, students: features, ``(N, B, F)``; no gradient runs into the teacher's.
        weight: ``(B,)``, summing to 1.
    """
    n = len(teacher)
    if n == 1:
        return students.new_zeros(())
    first, second = torch.triu_indices(n, n, 1, device=weight.device)
    units = (normalize(features, dim=-1) for features in (teacher.detach(), students))
    wanted, found = ((unit[first] * unit[second]).sum(-1) for unit in units)
    return sums.total(weight * huber_loss(found, wanted, reduction="none")).mean()


class MADTKD:
    """The learner; see the module and ``alberdice.deep.learner.Learner``."""

    settings = MADTKDConfig

    def __init__(self, data: TrainingData, config: MADTKDConfig, generator: torch.Generator) -> None:
        self.data, self.config = data, config
        self.sequences = Sequences.build(data, *config.windows)
        steps, seen, choices = self.sequences.context, data.observations.shape[-1], data.available.shape[-1]
        shape = config.shape
        self.student_net = returns_network(seen, choices, steps, **shape)
        n = data.n_agents
        tokens = (1, *[seen] * n, *[choices] * n)
        self.teacher_net = StackedTransformer(tokens, tuple(range(n, 2 * n)), choices, steps, **shape)
        device = data.states.device
        self.parameters = {
            "teacher": self.teacher_net.initial(1, generator).to(device),
            "students": self.student_net.initial(n, generator).to(device),
        }
        self.optimisers = {name: Adam(p, decay=config.weight_decay) for name, p in self.parameters.items()}
        self.done = torch.zeros((), dtype=torch.int64)
        self.execution: Execution = Direct()
        to_go = data.returns_to_go.double()
        best = to_go[_beginnings(data.lengths)].max()
        self.returns = Returns(float(best), float(to_go.mean()), float(to_go.std(correction=0)) or 1.0)

    @property
    def policies(self) -> TransformerPolicies:
        """The students, asked for the best return in the data."""
        data = self.data
        return TransformerPolicies(self.student_net, self.parameters["students"], data.features, data.n_actions, self.returns)

    def update(self, generator: torch.Generator) -> dict[str, Tensor]:
        """One step of the teacher and of all students."""
        rate = self.config.rate_at(int(self.done))
        self.done += 1
        return self.execution(self._step, generator, rate)

    def _step(self, generator: torch.Generator, rate: float | Tensor) -> dict[str, Tensor]:
        batch = self.sequences.minibatch(generator)
        parameters = {name: p.detach().requires_grad_() for name, p in self.parameters.items()}
        terms = self._losses(parameters, batch)
        config = self.config
        students = config.cloning_weight * terms["cloning_loss"] + config.distillation_weight * terms["distillation_loss"]
        total = terms["teacher_loss"] + students + config.relation_weight * terms["relation_loss"]
        gradients = torch.autograd.grad(total, list(parameters.values()))
        for name, gradient in zip(parameters, gradients, strict=True):
            self.optimisers[name].step(gradient, rate)
        return {name: term.detach() for name, term in terms.items()}

    def complaint(self, metrics: dict[str, float]) -> str:
        """Not-a-number."""
        return "a loss is not finite: lower learning_rate" if not_finite(metrics) else ""

    def state_dict(self) -> dict[str, Tensor]:
        """Parameters, optimisers and the number of updates."""
        moments = {f"{name}.{key}": t for name, adam in self.optimisers.items() for key, t in adam.state.items()}
        return {**self.parameters, **moments, "updates_done": self.done}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a state."""
        for name, tensor in self.state_dict().items():
            tensor.copy_(state[name])

    def _losses(self, parameters: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """All terms, summed over agents."""
        weight, actions = batch.weight.flatten(), batch.actions.flatten(1)
        teacher, teacher_features = self._teacher_tables(parameters["teacher"], batch)
        student, student_features = policy_tables(self.student_net, parameters["students"], batch, self.returns)
        teacher, student = teacher.flatten(1, 2), student.flatten(1, 2)
        return {
            "teacher_loss": behaviour_loss(teacher, actions, weight).sum(),
            "cloning_loss": behaviour_loss(student, actions, weight).sum(),
            "distillation_loss": distillation_loss(teacher, student, weight).sum(),
            "relation_loss": relation_loss(teacher_features.flatten(1, 2), student_features.flatten(1, 2), weight),
        }

    def _teacher_tables(self, parameters: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """The tables log p(a_i | ..., a_<i), ``(N, B, K, A)``, and the features behind them, ``(N, B, K, width)``."""
        chosen = indicators(batch.actions, self.teacher_net.outputs)
        tokens = [self.returns(batch.returns_to_go), *batch.observations, *chosen]
        logits, features = self.teacher_net(parameters, [token[None] for token in tokens])
        return log_policy(logits[0].movedim(2, 0), batch.available), features[0].movedim(2, 0)


def _beginnings(lengths: Tensor) -> Tensor:
    """First steps of the episodes that have any."""
    return (lengths.cumsum(0) - lengths)[lengths > 0]


register("madtkd", MADTKD)
