"""``alberdice solve``: alternating best responses on any game and data, with certificates."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from alberdice import evaluation
from alberdice._checks import FloatArray, real_number, whole_number
from alberdice.cli.common import Verbosity, check_picture_path
from alberdice.cli.inputs import load_data, load_game
from alberdice.cli.logged import Logged, load_logged
from alberdice.console import explain, print_json, progress_bar, tell, warn
from alberdice.data import DEFAULT_FLOOR, DEFAULT_FLOOR_MASS, DataDistribution, SparseDataDistribution
from alberdice.errors import AlberDICEError, InvalidArgumentError
from alberdice.games.game import Game
from alberdice.policy import FactorizedPolicy
from alberdice.tabular import ALGORITHMS, AlternatingRun, annealing_schedule, select_equilibrium
from alberdice.tabular.selection import EquilibriumSelection

#: states whose policies the text shows
SHOWN_STATES = 4
#: joint actions of the first move that the text shows
SHOWN_MOVES = 6
#: payoffs that the text shows; joint actions whose probabilities are all written out
SHOWN_PAYOFFS, WRITTEN_OUT = 25, 100_000


@dataclass(frozen=True)
class Solve(Verbosity):
    """Alternating best responses under the regularised objective (2), with certificates."""

    game: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="GAME")] = None
    """xor, penalty-xor, xor-N, climbing, penalty, stag-hunt, bridge, bridge-original, or a .json, .csv or .npz file."""
    data: str | None = None
    """A data set of the game (its first unless told), 'uniform', or a .json, .csv or .npz file of counts."""
    dataset: str | None = None
    """Logged data instead: a built-in dataset, a directory or a stored id; solves their maximum-likelihood model."""
    discount: float = 0.99
    """Of the maximum-likelihood model, with --dataset."""
    alpha: float | None = None
    """Weight of the KL divergence to the data, >= 0 (0.01 unless told or annealed)."""
    anneal: tuple[float, float] | None = None
    """Lower alpha geometrically from HI to LO, one value per round, instead of a constant alpha."""
    rounds: int | None = None
    """Rounds at most; 1,000 at a constant alpha, 100 when annealing, unless told."""
    floor: float = DEFAULT_FLOOR
    """Added to each entry of the data's distribution before it is renormalised; 0 keeps exact zeros."""
    floor_mass: float = DEFAULT_FLOOR_MASS
    """The whole floor's share of the data, spread evenly, where --dataset has too many joint actions to write out."""
    unseen_reward: float | None = None
    """With --dataset: reward per step, for ever, of leaving the data; the least reward or 0, whichever is less, unless told."""
    order: tuple[int, ...] | None = None
    """Order of the agents within a round, numbered from 1."""
    starts: int | None = None
    """Starts to try, the best end is shown: the data's marginals, what the best joint policy does, random ones. Unless told:
    one, and more while the gap to the bound on any joint policy is open."""
    seed: int = 0
    """Of the random starts."""
    tolerance: float = 1e-9
    """A round in which no agent can gain more than this share of the rewards' range plus alpha ends a constant-alpha run."""
    method: Literal["interior-point", "cvxpy"] = "interior-point"
    """How best responses are computed."""
    escape: bool = True
    """Leave saddles of the objective along their direction of largest curvature, and say so."""
    json: bool = False
    """Print JSON instead of text."""
    plot: Path | None = None
    """Draw into this file (.png, .pdf or .svg): heat map of a one-shot game; policies of all six algorithms on Bridge."""

    def run(self) -> None:
        """Load, solve, report."""
        check_picture_path(self.plot)
        alphas = self._alphas()
        game, data_name, data, logged = self._inputs()
        seen = int(np.count_nonzero(data.listed_observed))
        rows = game.mmdp.n_states * math.prod(game.mmdp.n_actions)
        explain(f"{game.name}, data '{data_name}': {seen:,} of {rows:,} pairs of state and joint action in the data")
        selection = self._select(game, data, alphas)
        report = describe(game, data_name, data, selection)
        if logged is not None:
            report["notes"] = logged.notes
            report["data_return"] = logged.data_return
            report["true_return"] = logged.true_return(selection.best.policy) if logged.true_return else None
            report["true_states"] = logged.known_states
        if self.json:
            print_json(report)
        else:
            _print_report(game, report)
        if self.plot is not None and isinstance(data, DataDistribution):
            _draw(game, data_name, data, selection.best, self.plot)

    def _inputs(self) -> tuple[Game, str, DataDistribution | SparseDataDistribution, Logged | None]:
        floor = real_number(self.floor, "--floor", low=0.0, high=1.0)
        if self.dataset is not None:
            if self.data is not None:
                raise InvalidArgumentError("--data and --dataset", got="both", expected="one of them")
            discount = real_number(self.discount, "--discount", low=0.0, high=1.0, open_ends=True)
            floors = (floor, real_number(self.floor_mass, "--floor-mass", low=0.0, high=1.0))
            logged = load_logged(self.dataset, self.game, discount, floors, self.unseen_reward)
            if self.plot is not None and isinstance(logged.data, SparseDataDistribution):
                raise InvalidArgumentError(
                    "--plot", got="data with too many joint actions to draw", expected="no picture", remedy="leave out --plot"
                )
            return logged.game, self.dataset, logged.data, logged
        if self.game is None:
            raise InvalidArgumentError(
                "GAME", got="nothing", expected="a game, or --dataset", remedy="see alberdice solve --help"
            )
        for name, default in (("discount", Solve.discount), ("floor_mass", Solve.floor_mass), ("unseen_reward", None)):
            if getattr(self, name) != default:  # NaN, too, differs from every number
                option, expected = f"--{name.replace('_', '-')}", "nothing without --dataset"
                raise InvalidArgumentError(option, got=getattr(self, name), expected=expected, remedy="a game has its own")
        game = load_game(self.game)
        return game, *load_data(self.data, game, floor), None

    def _alphas(self) -> float | FloatArray:
        if self.alpha is not None and self.anneal is not None:
            raise InvalidArgumentError("--alpha and --anneal", got="both", expected="one of them")
        if self.rounds is not None:
            whole_number(self.rounds, "--rounds", low=1)
        if self.anneal is not None:
            high, low = (real_number(a, "--anneal", low=0.0, open_ends=True) for a in self.anneal)
            if low > high:
                raise InvalidArgumentError("--anneal", got=f"{high:g} {low:g}", expected="HI LO with HI >= LO > 0")
            return annealing_schedule(high, low, self.rounds or 100)
        return real_number(0.01 if self.alpha is None else self.alpha, "--alpha", low=0.0)

    def _select(
        self, game: Game, data: DataDistribution | SparseDataDistribution, alphas: float | FloatArray
    ) -> EquilibriumSelection:
        n = game.mmdp.n_agents
        if self.order is not None and sorted(self.order) != list(range(1, n + 1)):
            raise InvalidArgumentError("--order", got=self.order, expected=f"every agent from 1 to {n} once")
        starts = None if self.starts is None else whole_number(self.starts, "--starts", low=1)
        if self.order is not None and starts is None:
            starts = 1
        if self.order is not None and starts != 1:
            raise InvalidArgumentError("--order", got="together with --starts", expected="one of them: starts draw their order")
        options: dict[str, Any] = {"rounds": self.rounds, "tolerance": self.tolerance, "method": self.method}
        total = len(alphas) if isinstance(alphas, np.ndarray) else (self.rounds or 1000)
        with progress_bar(f"{game.name}, start 1", total) as step:
            return select_equilibrium(
                game.mmdp,
                data,
                alphas,
                starts,
                generator=np.random.default_rng(whole_number(self.seed, "--seed")),
                order=None if self.order is None else tuple(k - 1 for k in self.order),
                progress=lambda _, value: step(f"objective {value:.6g}"),
                escape=self.escape,
                **options,
            )


def describe(
    game: Game, data_name: str, data: DataDistribution | SparseDataDistribution, selection: EquilibriumSelection
) -> dict[str, Any]:
    """Everything that is known of the best run, as plain values."""
    run, model = selection.best, game.mmdp
    first = _first_moves(game, run)
    return {
        "game": game.name,
        "data": data_name,
        "states": model.n_states,
        "actions": model.n_actions,
        "alpha": run.alphas[-1],
        "rounds": run.rounds,
        "converged": run.converged,
        "objective": run.nash.value,
        "certificate": {"epsilon": run.nash.epsilon, "gains": run.nash.gains, "largest_gap": float(run.gaps.max())},
        "bound": None if run.bound is None else {"objective": run.bound.objective, "gap": run.gap, "reward": run.bound.reward},
        "second_order": None
        if run.second_order is None
        else {"curvature": run.second_order.curvature, "is_saddle": run.second_order.is_saddle, "gain": run.second_order.gain},
        "saddles": [asdict(saddle) for saddle in run.saddles],
        "expected_reward_per_step": run.reward,
        "data_reward_per_step": run.data_reward,
        "below_data": run.below_data,
        "discounted_return": evaluation.discounted_return(model, run.policy),
        "return": evaluation.undiscounted_return(model, run.policy, game.horizon),
        "horizon": game.horizon,
        "out_of_data_probability": evaluation.out_of_data_probability(model, run.policy, data),
        "first_moves": first,
        "policies": [np.asarray(table) for table in run.policy],
        "trace": {"start": run.start_value, "alpha": run.alphas, "objective": run.values, "gap": run.gaps},
        "equilibria": [
            {
                "objective": e.value,
                "reached": len(e.starts),
                "starts": [k + 1 for k in e.starts],
                "first_moves": _first_moves(game, e.run),
            }
            for e in selection.equilibria
        ],
    }


def _first_moves(game: Game, run: AlternatingRun) -> dict[str, float]:
    """Joint actions of the first step and their probabilities, most likely first; the likeliest alone where there are many."""
    if math.prod(game.mmdp.n_actions) > WRITTEN_OUT:
        start = int(np.argmax(game.mmdp.initial))
        chosen = tuple(int(table[start].argmax()) for table in run.policy)
        return {game.describe_joint_action(chosen): math.prod(float(table[start].max()) for table in run.policy)}
    joint = np.tensordot(game.mmdp.initial, run.policy.joint(), axes=1)
    order = np.argsort(-joint, axis=None, kind="stable")
    indices = [np.unravel_index(k, joint.shape) for k in order if joint.reshape(-1)[k] > 0]
    return {game.describe_joint_action(tuple(int(k) for k in i)): float(joint[i]) for i in indices}


def _print_report(game: Game, report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=max(Console().width, 100), highlight=False)
    say = partial(console.print, soft_wrap=True)
    certificate, trace = report["certificate"], report["trace"]
    actions = report["actions"]
    shape = f"{len(actions)} agents with up to {max(actions)} actions" if len(actions) > 8 else "x".join(map(str, actions))
    say(f"{report['game']}, data '{report['data']}': {report['states']} states, actions {shape}")
    _print_payoffs(game, say)
    values = ", ".join(f"{v:.6g}" for v in trace["objective"][-6:])
    alphas = trace["alpha"]
    schedule = f"{alphas[0]:g}" if alphas[0] == alphas[-1] else f"{alphas[0]:g} to {alphas[-1]:g}"
    state = "converged" if report["converged"] else "not converged"
    say(f"alpha {schedule}, {report['rounds']} rounds, {state}")
    say(f"objective          {report['objective']:.10g}   (start {trace['start']:.6g}; last updates {values})")
    say("                   reward per step less alpha times the distance to the data (KL divergence), equation (2)")
    say(
        f"certificate        no agent gains more than {certificate['epsilon']:.2g}; "
        f"largest duality gap {certificate['largest_gap']:.2g}"
    )
    say(_bound_line(report))
    say(_curvature_line(report))
    say(
        f"return             {report['return']:.6g} over {report['horizon']} step(s); "
        f"discounted {report['discounted_return']:.6g} (a reward t steps ahead counts {game.mmdp.discount:g}^t)"
    )
    say(_data_line(report))
    if report.get("true_return") is not None:
        known, whole = report["true_states"]
        say(
            f"in the true game   return {report['true_return']:.6g} over {report['horizon']} step(s); the data hold {known} "
            f"of its {whole} states, elsewhere the policy is uniform"
        )
    for note in report.get("notes", ()):
        say(f"assumed            {note}")
    say(f"out of the data    probability {report['out_of_data_probability']:.3g} of joint actions that the data never show")
    moves = [(name, chance) for name, chance in report["first_moves"].items() if chance >= 5e-5]
    shown = ", ".join(f"{name} {chance:.4f}" for name, chance in moves[:SHOWN_MOVES])
    say(f"first moves        {shown}" + (" ..." if len(moves) > SHOWN_MOVES else ""))
    if len(report["equilibria"]) > 1 or report["equilibria"][0]["reached"] > 1:
        table = Table("equilibrium", "objective", "reached", "likeliest first move", title="distinct ends, best first")
        for k, e in enumerate(report["equilibria"]):
            move, chance = next(iter(e["first_moves"].items()))
            table.add_row(str(k + 1), f"{e['objective']:.8g}", f"{e['reached']} times", f"{move} {chance:.4f}")
        say(table)
    _print_policies(game, report, say)


def _print_payoffs(game: Game, say: Any) -> None:
    """The payoffs of a one-shot game of two agents."""
    model = game.mmdp
    if model.n_states > 1 or model.n_agents != 2 or math.prod(model.n_actions) > SHOWN_PAYOFFS:
        return
    first, second = game.action_names
    rows = [
        f"{name}: " + ", ".join(f"{other} {x:g}" for other, x in zip(second, row, strict=True))
        for name, row in zip(first, np.asarray(model.listed_reward).reshape(model.n_actions), strict=True)
    ]
    say("payoffs            by agent 1's action, then agent 2's:  " + "; ".join(rows))


def _bound_line(report: dict[str, Any]) -> str:
    text = "bound              "
    if report["bound"] is None:
        return text + "not computed: too many joint actions"
    bound = report["bound"]
    line = f"{text}no policy at all has an objective above {bound['objective']:.10g}: {bound['gap']:.3g} above this one"
    return f"{line}; none earns more than {bound['reward']:.6g} a step"


def _data_line(report: dict[str, Any]) -> str:
    ours, theirs = report["expected_reward_per_step"], report["data_reward_per_step"]
    text = f"the data           earn {theirs:.6g} a step, this policy {ours:.6g}"
    if report.get("data_return") is not None:
        text += f"; the data's episodes return {report['data_return']:.6g} on average over as many steps"
    if report["below_data"]:
        text += "\nWARNING            THIS POLICY EARNS LESS THAN THE DATA DO; try more --starts, or another --alpha"
    return text


def _curvature_line(report: dict[str, Any]) -> str:
    text = "second order       "
    found = report["second_order"]
    if found is None:
        return text + "not computed at alpha = 0"
    left = [s for s in report["saddles"] if s["escaped"]]
    stays = report["saddles"][-1] if found["is_saddle"] and report["saddles"] else None
    if not report["converged"]:
        line = f"{text}not at rest yet: agents still gain"
    elif stays is not None:
        places = ", ".join(f"state {v['state']} (visited {v['visits']:.2g} of the time)" for v in stays["states"])
        line = f"{text}a SADDLE: agents that change their actions together at {places} gain at least {stays['gain']:.2g}"
    elif found["curvature"] > 0:
        line = f"{text}at rest: moving together gains no more than the run's threshold (at most {found['gain']:.1g} found)"
    else:
        line = f"{text}a local maximum: moving together, by a little, gains nothing"
    if left:
        line += f"; left {len(left)} saddle(s) on the way, after round " + ", ".join(str(s["round"]) for s in left)
    return line


def _print_policies(game: Game, report: dict[str, Any], say: Any) -> None:
    """Policies at the likeliest initial states."""
    likely = [int(s) for s in np.argsort(-game.mmdp.initial, kind="stable") if game.mmdp.initial[s] > 0][:SHOWN_STATES]
    for s in likely:
        where = "" if game.mmdp.n_states == 1 else f"   where {game.describe_state(s)}"
        for i, table in enumerate(report["policies"]):
            cells = ", ".join(f"{name} {p:.4f}" for name, p in zip(game.action_names[i], table[s], strict=True))
            say(f"agent {i + 1} does       {cells}{where}")


def _draw(game: Game, data_name: str, data: DataDistribution, run: AlternatingRun, path: Path) -> None:
    """The main picture goes to ``path``, further ones beside it, each announced on standard error."""
    from alberdice.plotting import save, solution_figures

    policies: dict[str, FactorizedPolicy] = {}
    with progress_bar("other algorithms", len(ALGORITHMS)) as step:
        for name, algorithm in ALGORITHMS.items():
            try:
                policies[name] = run.policy if name == "AlberDICE" else algorithm(game.mmdp, data)
            except AlberDICEError as error:
                warn(f"{name} is left out of the picture: {error}")
            step(name)
    for suffix, figure in solution_figures(game, data, run, policies, data_name):
        target = path.with_stem(f"{path.stem}-{suffix}") if suffix else path
        save(figure, target)
        tell(f"wrote {target}")
