"""The paper's algorithms on samples: one file each, with its equations, its settings, its losses and its learner."""
