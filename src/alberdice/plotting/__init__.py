"""Pictures. Each function returns a matplotlib ``Figure`` that no window or global state knows of; ``save`` writes it.

matplotlib is imported when a picture is drawn, not before.
"""

from alberdice.plotting.bridge_map import draw_first_moves, draw_policy
from alberdice.plotting.dataset import plot_dataset
from alberdice.plotting.fights import draw_rate_curve, fight_raster
from alberdice.plotting.figures import save
from alberdice.plotting.matrix_heatmaps import draw_heatmaps
from alberdice.plotting.pitch import pitch_raster
from alberdice.plotting.reproduction import Mark, draw_returns, draw_uncertainties
from alberdice.plotting.scaling import Curve, Panel, draw_panels
from alberdice.plotting.solutions import solution_figures
from alberdice.plotting.training_run import draw_joint_actions, draw_learning_curve
from alberdice.plotting.warehouse import draw_agreement, draw_conventions, draw_strip, draw_traffic, save_animation

__all__ = [
    "Curve",
    "Mark",
    "Panel",
    "draw_agreement",
    "draw_conventions",
    "draw_first_moves",
    "draw_heatmaps",
    "draw_joint_actions",
    "draw_learning_curve",
    "draw_panels",
    "draw_policy",
    "draw_rate_curve",
    "draw_returns",
    "draw_strip",
    "draw_traffic",
    "draw_uncertainties",
    "fight_raster",
    "pitch_raster",
    "plot_dataset",
    "save",
    "save_animation",
    "solution_figures",
]
