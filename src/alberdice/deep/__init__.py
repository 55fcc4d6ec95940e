"""The deep layer: learners on samples, and what trains, plays and saves them."""
