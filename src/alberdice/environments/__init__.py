"""Environments: what plays, many episodes at a time, for evaluation and collection."""

from alberdice.environments.contract import BatchedEnvironment, EnvironmentSpec, Frame, Step

__all__ = ["BatchedEnvironment", "EnvironmentSpec", "Frame", "Step"]
