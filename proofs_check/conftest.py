"""Loads the Hypothesis profile when pytest is given this folder alone."""

import strategies

strategies.load_profile()
