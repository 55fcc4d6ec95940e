"""Online learning, for data: the multi-agent transformer (MAT), trained by playing."""
