"""Sweeps: algorithms, datasets, seeds and settings of one's own choice, made by any executor, and one report.

    FILE.toml ──► file ──► plan ──► executor ──► folders ──► report (text, Markdown, JSON), pictures
                  checked  runs     ▲       │
                                    └ stopping: who goes on after a share of the updates

A run's folder is ``OUT/DATASET/ALGORITHM/VARIANT/seed-3``.  Finished runs are kept, unfinished ones go on.
"""
