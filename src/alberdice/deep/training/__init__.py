"""Training runs: the loop, where it computes, and the folder that it fills."""
