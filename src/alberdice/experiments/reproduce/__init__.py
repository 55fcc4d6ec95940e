"""The paper's tables by training: every algorithm, dataset and seed, and a report that needs only the runs' folders.

    tables ──► plan ──► execute ──► records ──► cells ──► report (text, Markdown, JSON), pictures
               runs     processes   read back   statistics

A run's folder is ``OUT/table2/bridge-mix/icq/seed-3``.  Finished runs are kept, unfinished ones go on, so that a table can be
made in parts, on several machines, and put together by copying folders.
"""
