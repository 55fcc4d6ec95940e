"""Scaling experiments: how cost and quality grow with agents, data, coverage, rows, threads, workers and devices.

    axes ──► plan ──► data, made once ──► executor ──► folders ──► measured ──► fits ──► report (text, Markdown, JSON), picture
    values   runs     games, warehouses                cost.json    points

Each axis varies one thing and leaves the others at the base; the base is one point of all of them and is made once.  A run's
folder is ``OUT/runs/DATA/SETTINGS/seed-0``; finished runs are kept, unfinished ones go on.
"""
