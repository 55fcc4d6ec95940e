"""Policies in environments: returns, and how often they leave the data."""
