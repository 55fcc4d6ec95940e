"""Networks as pure functions of flat parameters, their optimiser, precision, and recorded steps."""
