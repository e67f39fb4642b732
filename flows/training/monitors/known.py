"""Every monitor that a training may report to: one that joins is one import and one line here."""

from thinkmix.flows.training.monitors.contract import Monitor
from thinkmix.flows.training.monitors.mlflow import MLflow
from thinkmix.flows.training.monitors.swanlab import SwanLab
from thinkmix.flows.training.monitors.tensorboard import TensorBoard
from thinkmix.flows.training.monitors.wandb import WandB

MONITORS: tuple[type[Monitor], ...] = (TensorBoard, MLflow, SwanLab, WandB)
